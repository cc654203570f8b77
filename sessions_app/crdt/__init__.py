"""Shared documents as CRDTs: what an update may hold, and replicas that survive a bad one. Knows no Django."""
