"""Inference: ONNX export, ONNX Runtime sessions, parity checks and the runtimes."""
