"""Search loops of your own, on the service's stream: start from these.

Each runs by itself against a server, `python -m clients.examples.best_of_n 127.0.0.1:50051`, and
needs grpcio and protobuf only.
"""
