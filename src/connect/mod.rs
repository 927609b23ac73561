//! stub
/// stub
pub type Transport = tokio::net::TcpStream;
