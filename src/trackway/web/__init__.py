"""The web pages, below `/app/`: what people see of their projects. Served by the edge processes, imported when
asked for."""
