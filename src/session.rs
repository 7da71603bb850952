//! One connection, one session over mysql_async. TEMPORARY.
use std::future::Future;
use std::net::SocketAddr;
use mysql_async::prelude::*;
#[derive(Debug, thiserror::Error)]
pub enum SessionError { #[error("{0}")] Connect(String), #[error("{0}")] NotRouted(String), #[error("{0}")] Lost(String) }
#[derive(Debug, Clone)]
pub struct Target { pub address: SocketAddr, pub user: String, pub password: String }
pub struct Session(mysql_async::Conn);
pub trait Connect: Send + Sync { fn connect(&self, database: Option<&str>) -> impl Future<Output = Result<Session, SessionError>> + Send; }
impl Connect for Target { async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
  let ssl = mysql_async::SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
  let base = mysql_async::OptsBuilder::default().ip_or_hostname(self.address.ip().to_string()).tcp_port(self.address.port()).user(Some(&self.user)).pass(Some(&self.password)).db_name(database);
  match mysql_async::Conn::new(base.clone().ssl_opts(ssl)).await { Ok(c) => Ok(Session(c)), Err(mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer)) => mysql_async::Conn::new(base).await.map(Session).map_err(|e| SessionError::Connect(e.to_string())), Err(e) => Err(SessionError::Connect(e.to_string())) } } }
impl Session { pub async fn two(&mut self, sql: &str) -> Result<(String, String), SessionError> {
  let r: Option<(String,String)> = self.0.query_first(sql).await.map_err(|e| SessionError::Lost(e.to_string()))?; r.ok_or(SessionError::Lost("no row".into())) } }
