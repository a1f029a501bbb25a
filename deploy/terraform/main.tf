# An example: the topic of query logs, the key, and the daemon by its chart. Nothing here is a default to run unread.
terraform {
  required_version = ">= 1.5"
  required_providers {
    kafka      = { source = "Mongey/kafka", version = "~> 0.8" }
    kubernetes = { source = "hashicorp/kubernetes", version = "~> 2.30" }
    helm       = { source = "hashicorp/helm", version = "~> 3.0" }
  }
}

resource "kafka_topic" "queries" {
  name               = var.topic
  partitions         = var.partitions
  replication_factor = 3
  config = {
    "retention.ms"        = var.retention_days * 86400000 # longer than the daemon may be down
    "min.insync.replicas" = "2"
    "compression.type"    = "producer"
  }
}

resource "kubernetes_secret" "probewatch" {
  metadata {
    name      = "probewatch"
    namespace = var.namespace
  }
  data = var.secrets
}

resource "helm_release" "probewatch" {
  name      = "probewatch"
  namespace = var.namespace
  chart     = "${path.module}/../helm/probewatch"
  values = [yamlencode({
    image          = var.image
    replicas       = var.partitions
    existingSecret = kubernetes_secret.probewatch.metadata[0].name
    settings       = merge(var.settings, { source = { kafka = { brokers = var.brokers, topics = [kafka_topic.queries.name] } } })
  })]
}
