"""Show operators how the plugin is doing: health, queue sizes, logs, metrics for Prometheus."""
