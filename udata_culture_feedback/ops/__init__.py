"""Tell operators how the plugin is: health, queue sizes, logs, metrics for Prometheus."""
