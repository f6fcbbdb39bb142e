"""margincall"""
