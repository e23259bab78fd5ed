"""Campaigns: a strategy over a set of problems, with a budget and a record.

Imported by their own modules: strategies import `proposer.campaigns.desk`.
"""
