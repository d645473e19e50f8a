environment     = "prod"
noncurrent_days = 90

# Without an address, incidents are seen in the console alone.
# monitoring = { emails = { team = "team@example.com" } }

models = {
  digits = {
    models        = ["digits@production", "digits@candidate"] # the second is what a delivery tests
    max_instances = 20
  }
}
