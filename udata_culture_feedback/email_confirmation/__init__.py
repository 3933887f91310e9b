"""Take part by e-mail: what somebody sends waits until they confirm their address."""
