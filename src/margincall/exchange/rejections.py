"""Why a command is refused: the venue's error codes and texts (USDⓈ-M documentation, 2026-05).

In which order they are checked is fixed (`docs/spec/exchange.md`). Codes of −9000 and below are ours, for what the
venue's API has no word for.
"""

from enum import Enum


class Code(Enum):
    """Code and text."""

    MALFORMED = -1102, "A mandatory parameter was not sent, was empty/null, or malformed."
    CLOCK_RUNS_BACK = -1021, "Timestamp for this request is outside of the recvWindow."
    BAD_PRECISION = -1111, "Precision is over the maximum defined for this asset."
    BAD_ACCOUNT = -1109, "Invalid account."
    BAD_ASSET = -1108, "Invalid asset."
    TIF_NOT_REQUIRED = -1114, "TimeInForce parameter sent when not required."
    BAD_TIME_IN_FORCE = -1115, "Invalid timeInForce."
    PARAM_NOT_REQUIRED = -1106, "Parameter sent when not required."
    BAD_SYMBOL = -1121, "Invalid symbol."
    ASSET_MODE_HAS_ORDERS = -4170, "Unable to adjust to Multi-Assets mode with open orders."
    BAD_COMBINATION = -1128, "Combination of optional parameters invalid."
    NOT_VALID = -1130, "Data sent for a parameter is not valid."
    CANCEL_REJECTED = -2011, "Unknown order sent."
    NO_SUCH_ORDER = -2013, "Order does not exist."
    BALANCE_NOT_SUFFICIENT = -2018, "Balance is insufficient."
    MARGIN_NOT_SUFFICIENT = -2019, "Margin is insufficient."
    WOULD_TRIGGER = -2021, "Order would immediately trigger."
    REDUCE_ONLY_REJECT = -2022, "ReduceOnly Order is rejected."
    MAX_OPEN_ORDERS = -2025, "Reach max open order limit."
    MAX_LEVERAGE_RATIO = -2027, "Exceeded the maximum allowable position at current leverage."
    MIN_LEVERAGE_RATIO = -2028, "Leverage is smaller than permitted: insufficient margin balance."
    PRICE_NOT_POSITIVE = -4001, "Price less than 0."
    PRICE_TOO_HIGH = -4002, "Price greater than max price."
    QUANTITY_NOT_POSITIVE = -4003, "Quantity less than zero."
    QUANTITY_TOO_SMALL = -4004, "Quantity less than min quantity."
    QUANTITY_TOO_LARGE = -4005, "Quantity greater than max quantity."
    STOP_NOT_POSITIVE = -4006, "Stop price less than zero."
    STOP_TOO_HIGH = -4007, "Stop price greater than max price."
    PRICE_TOO_LOW = -4013, "Price less than min price."
    PRICE_NOT_ON_TICK = -4014, "Price not increased by tick size."
    BAD_CLIENT_ID = -4015, "Client order id is not valid."
    ABOVE_CAP = -4016, "Price is higher than mark price multiplier cap."
    QUANTITY_NOT_ON_STEP = -4023, "Qty not increased by step size."
    BELOW_FLOOR = -4024, "Price is lower than mark price multiplier floor."
    BAD_LEVERAGE = -4028, "Leverage is not valid"
    MAX_STOP_ORDERS = -4045, "Reach max stop order limit."
    SAME_MARGIN_TYPE = -4046, "No need to change margin type."
    MARGIN_TYPE_HAS_ORDERS = -4047, "Margin type cannot be changed if there exists open orders."
    MARGIN_TYPE_HAS_POSITION = -4048, "Margin type cannot be changed if there exists position."
    ONLY_ISOLATED = -4049, "Add margin only support for isolated position."
    CROSS_INSUFFICIENT = -4050, "Cross balance insufficient."
    ISOLATED_INSUFFICIENT = -4051, "Isolated balance insufficient."
    NO_POSITION_TO_ADD = -4054, "Cannot add position margin: position is 0."
    AMOUNT_NOT_POSITIVE = -4055, "Amount must be positive."
    SAME_POSITION_MODE = -4059, "No need to change position side."
    POSITION_SIDE_MISMATCH = -4061, "Order's position side does not match user's setting."
    REDUCE_ONLY_CONFLICT = -4062, "Invalid or improper reduceOnly value."
    POSITION_MODE_HAS_ORDERS = -4067, "Position side cannot be changed if there exists open orders."
    POSITION_MODE_HAS_POSITION = -4068, "Position side cannot be changed if there exists position."
    BAD_BATCH_SIZE = -4082, "Invalid number of batch place orders."
    DUPLICATED_CLIENT_ID = -4116, "ClientOrderId is duplicated."
    ANOTHER_CLOSES = -4130, "An open stop or take profit order with GTE and closePosition in the direction is existing."
    NO_COUNTERPARTY = -4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."
    CLOSE_POSITION_HAS_QUANTITY = -4137, "Quantity must be zero with closePosition equals true"
    CLOSE_POSITION_REDUCE_ONLY = -4138, "Reduce only must be true with closePosition equals true"
    REDUCE_LEVERAGE_ISOLATED = -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions"
    NOTIONAL_TOO_SMALL = -4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only)"
    SAME_ASSET_MODE = -4171, "No need to change Multi-Assets mode."
    ASSET_MODE_IS_HELD = -4167, "Unable to adjust to Multi-Assets mode with symbols of isolated-margin mode."
    ISOLATED_IN_MULTI = -4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode."
    ASSET_MODE_NEGATIVE = -4172, "Unable to adjust Multi-Assets Mode with a negative wallet balance."
    ABOVE_STOP_CAP = -4183, "Price is higher than stop price multiplier cap."
    BELOW_STOP_FLOOR = -4184, "Price is lower than stop price multiplier floor."
    NO_POSITION_TO_FOLLOW = (
        -4509,
        "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are available.",
    )
    FOK_REJECTED = -5021, "Due to the order could not be filled immediately, the FOK order has been rejected."
    POST_ONLY_REJECTED = -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."
    ONLY_LIMIT = -5025, "Only limit order is supported."
    NOTHING_TO_AMEND = -5027, "No need to modify the order."
    AMENDED_TOO_SMALL = -5029, "Order's notional must be no smaller than the minimum"
    BAD_GOOD_TILL = -5040, "goodTillDate must be later than 600 seconds from now and before the year 10000."
    MARK_BY_RULE = -9001, "The mark price of this symbol is made by rule, not given."
    MARK_UNKNOWN = -9002, "The symbol has no mark price yet."
    ACCOUNT_EXISTS = -9003, "The account exists already."
    NO_SUCH_LIQUIDATION = -9004, "No liquidation with this number was of the account or hit it."
    ALREADY_DISPUTED = -9005, "The liquidation was disputed before."
    RESERVED_NAME = -9006, "The name belongs to the venue's own accounts."
    NO_OPEN_DISPUTE = -9007, "There is no open dispute with this number."
    CLOCK_TOO_FAR = -9008, "The clock advances by at most 31 days at once, and not beyond the year 9999."

    @property
    def code(self) -> int:
        """The number, negative."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The venue's text."""
        return self.value[1]


class Refusal(Exception):
    """Raised inside a step before anything was changed; `step` makes a `Rejected` of it."""

    def __init__(self, code: Code, detail: str = "") -> None:
        """`detail` is added to the venue's text."""
        self.code = code
        self.detail = detail
        super().__init__(code.text, detail)
