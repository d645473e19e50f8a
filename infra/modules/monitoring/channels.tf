# Who is told.

locals {
  channels = concat(
    [for name in sort(keys(var.notification_emails)) : google_monitoring_notification_channel.email[name].id],
    var.notification_channels,
  )
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.notification_emails

  project      = var.project_id
  display_name = "${each.key} (${var.environment})"
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_billing_budget" "project" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.project_id}, ${var.environment}"

  budget_filter {
    projects = ["projects/${data.google_project.this[0].number}"]
  }

  amount {
    specified_amount {
      units         = tostring(var.budget.amount)
      currency_code = var.budget.currency
    }
  }

  # Half of it is news, nearly all of it a reason to look, and the forecast comes before the bill.
  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  # Budgets write mails, and know no other kind of channel. Those who pay are told without being
  # named here.
  all_updates_rule {
    monitoring_notification_channels = [for name in sort(keys(var.notification_emails)) : google_monitoring_notification_channel.email[name].id]
    disable_default_iam_recipients   = false
  }
}
