"""What alerts need where they are searched: Elasticsearch with Kibana, or OpenSearch with its dashboards."""
