"""The door: what clients send over HTTP is judged, named, and kept in Kafka before they are told so."""
