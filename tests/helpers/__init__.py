"""What tests share: small data, models, endpoints, programs that run as processes of their own."""
