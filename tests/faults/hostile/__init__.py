"""A hostile guest against the whole site, while a colleague works: python -m tests.faults.hostile embedded|scaled"""
