"""Evidence before it is judged: the request for it, the recorder that collects it, and its form as a document."""
