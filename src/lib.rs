//! An async WebSocket client for tokio.
