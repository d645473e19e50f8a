environment     = "prod"
noncurrent_days = 90

models = {
  digits = {
    models        = ["digits@production"]
    max_instances = 20
    ingress       = "ALLOW_INTERNAL_AND_GCLB"
  }
}
