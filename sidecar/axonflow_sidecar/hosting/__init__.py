"""What runs on a machine: processes, their settings and files, ports, certificates, logs, PostgreSQL."""
