"""The zip that is deployed: functions/, and the models that it may carry."""
