"""The agents that tasks are routed to: each file but these two registers one by its AGENT."""
