"""Take part by e-mail: what people send waits until they confirm their address."""
