//! TEMPORARY.
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
#[derive(Debug, thiserror::Error)]
pub enum RouteError { #[error("{0}")] X(String) }
#[derive(Debug, Clone)]
pub struct Guard { pub subnet: Ipv4Net, pub via: Ipv4Addr, pub interface: String }
#[derive(Debug, thiserror::Error)]
#[error("guard: {0}")]
pub struct GuardError(String);
impl Guard { pub async fn check(&self, a: Ipv4Addr) -> Result<Ipv4Addr, GuardError> {
  let o = std::process::Command::new("ip").args(["-4","route","get",&a.to_string()]).output().map_err(|e| GuardError(e.to_string()))?;
  let t = String::from_utf8_lossy(&o.stdout).into_owned();
  if t.contains(&format!("via {} dev {}", self.via, self.interface)) {
    let mut w = t.split_whitespace().skip_while(|w| *w != "src").skip(1);
    return w.next().and_then(|s| s.parse().ok()).ok_or(GuardError(t)); }
  Err(GuardError(t)) } }
pub struct Routes;
impl Routes {
  pub fn open() -> Result<Self, RouteError> { Ok(Routes) }
  pub async fn taken(&self) -> Result<Vec<Ipv4Net>, RouteError> {
    let o = std::process::Command::new("ip").args(["-4","route","show","table","all"]).output().map_err(|e| RouteError::X(e.to_string()))?;
    Ok(String::from_utf8_lossy(&o.stdout).lines().flat_map(|l| l.split_whitespace()).filter_map(|w| w.parse().ok()).collect()) }
  pub async fn ensure(&self, s: Ipv4Net, via: Ipv4Addr, dev: &str) -> Result<(), RouteError> {
    let _ = std::process::Command::new("ip").args(["route","replace","unreachable",&s.to_string(),"metric","4000000000"]).status();
    let _ = std::process::Command::new("ip").args(["route","replace",&s.to_string(),"via",&via.to_string(),"dev",dev]).status(); Ok(()) }
  pub async fn remove(&self, s: Ipv4Net) -> Result<(), RouteError> {
    for _ in 0..2 { let _ = std::process::Command::new("ip").args(["route","del",&s.to_string()]).status(); } Ok(()) }
}
pub fn pick_subnet(taken: &[Ipv4Net], seed: &str) -> Result<Ipv4Net, RouteError> {
  let mut h: u32 = seed.bytes().fold(7, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
  loop { let n = Ipv4Net::new(Ipv4Addr::new(10, (h>>8) as u8, h as u8, 0), 24).map_err(|e| RouteError::X(e.to_string()))?;
    if !taken.iter().any(|t| t.prefix_len() > 0 && (t.contains(&n) || n.contains(t))) { return Ok(n); } h = h.wrapping_add(1); }
}
