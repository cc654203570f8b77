"""How often somebody may ask (rate limits), and how much somebody may hold (quotas).

`limiter.ask(policies.RUNS, caller)` is asked by every door before it does anything, over HTTP or not; the policies are
one table in policies.py. `quotas.require("runs", quotas.holders_of(user))` is asked by services, inside the transaction
in which the thing is made; upper apps register their quotas in AppConfig.ready().
"""
