variable "brokers" {
  type = list(string)
}

variable "topic" {
  type    = string
  default = "model-queries"
}

variable "partitions" {
  type        = number
  default     = 2
  description = "As many as processes are needed, and no more: evidence is not joined across partitions."
}

variable "retention_days" {
  type    = number
  default = 7
}

variable "namespace" {
  type    = string
  default = "probewatch"
}

variable "image" {
  type        = object({ repository = string, digest = string })
  description = "The image that you built, by its digest."
}

variable "settings" {
  type        = any
  description = "Settings of the daemon without its source: at least keys and sinks."
}

variable "secrets" {
  type        = map(string)
  sensitive   = true
  description = "Files of secrets by name; `key` and `token` among them. They end up in the state of Terraform: keep that safe."
}
