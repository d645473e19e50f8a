environment = "dev"

models = {
  digits = {
    models        = ["digits@production"]
    max_instances = 2
    env           = { LOG_LEVEL = "DEBUG" }
  }
}

monitoring = { alerts = "essential" }
