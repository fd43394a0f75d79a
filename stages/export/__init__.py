"""Leave a folder that serves the trained model anywhere."""

import predict  # noqa: F401 - before ONNX Runtime is imported, whose telemetry it turns off
