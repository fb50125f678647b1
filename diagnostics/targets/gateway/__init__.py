"""The target `gateway`: sessions behind the HTTP API of a gateway, this project's or another that keeps the guide's."""
