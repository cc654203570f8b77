"""Graphs as others read and write them: pictures, Mermaid, plain JSON, a Python module, LangGraph's drawing. Pure."""
