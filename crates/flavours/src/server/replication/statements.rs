//! The statements of replication, in the words of each family and version.

use std::net::Ipv4Addr;

use dbmatrix_sql::session::Secret;
use dbmatrix_sql::version::{Family, Identity, Version};

use super::position::Coordinates;
use super::settings::RENAMED;
use crate::server::login::PORT;
use crate::server::spec::user_statements;

/// The user as whom replicas log in to their source.
pub(super) const USER: &str = "dbmatrix_replica";

/// Keeps the statements of a session out of the binary log.
pub(super) const UNLOGGED: &str = "SET SESSION sql_log_bin = 0";

/// What a replica needs to log in to its source.
pub(super) struct Login<'a> {
    /// The source's address inside the nest.
    pub(super) host: Ipv4Addr,
    pub(super) password: &'a Secret,
}

/// From where a replica follows.
pub(super) enum Begin {
    /// From the GTIDs that it has.
    Gtid,
    /// From a place in the source's binary log, whose transactions have no GTIDs that the
    /// replica knows.
    File {
        from: Coordinates,
        /// Whether the replica gives each transaction a GTID of its own.
        assigns_gtids: bool,
    },
}

/// Statements for the source that let a replica at this address log in. They are kept out
/// of the binary log, since the user is the source's alone.
pub(super) fn let_in(source: &Identity, replica: Ipv4Addr, password: &Secret) -> Vec<String> {
    let unlogged = std::iter::once(UNLOGGED.to_owned());
    unlogged
        .chain(let_in_everywhere(source, replica, password))
        .collect()
}

/// Statements that let a server at this address log in to all members that receive them.
pub(super) fn let_in_everywhere(
    source: &Identity,
    address: Ipv4Addr,
    password: &Secret,
) -> Vec<String> {
    let user = format!("'{USER}'@'{address}'");
    let grant = "REPLICATION SLAVE";
    let (family, version) = (source.family, source.version);
    let statements = user_statements(&user, password, (grant, ""), family, version);
    let statements = statements.lines().map(|line| line.trim_end_matches(';'));
    statements.map(str::to_owned).collect()
}

pub(super) fn is_mariadb(server: &Identity) -> bool {
    server.family == Family::Mariadb
}

/// Whether a server speaks of sources and replicas.
pub(super) fn is_renamed(server: &Identity) -> bool {
    !is_mariadb(server) && server.version >= RENAMED
}

/// The first release of MySQL whose replica can give transactions GTIDs that their source
/// has not. Earlier ones refuse such transactions, unless `gtid-mode` is off.
pub(crate) const ASSIGNS_GTIDS: Version = Version::exact(8, 0, 23);

/// Asks a replica whether it gives a GTID to each transaction without one; `None` for a
/// server that cannot.
pub(super) fn ask_for_gtids(replica: &Identity) -> Option<&'static str> {
    let can = !is_mariadb(replica) && replica.version >= ASSIGNS_GTIDS;
    can.then_some("SELECT @@GLOBAL.gtid_mode = 'ON'")
}

/// The statement that makes a replica follow its source. Inside the nest, whose bridge leads nowhere else, MariaDB connects without
/// TLS, as its password is not sent in plain text; MySQL asks for the key that encrypts
/// the password.
pub(super) fn follow(replica: &Identity, login: &Login<'_>, begin: &Begin) -> String {
    let Login { host, password } = login;
    let (verb, word) = match is_renamed(replica) {
        true => ("CHANGE REPLICATION SOURCE TO", "SOURCE"),
        false => ("CHANGE MASTER TO", "MASTER"),
    };
    let mut text = format!(
        "{verb} {word}_HOST = '{host}', {word}_PORT = {PORT}, {word}_USER = '{USER}', \
         {word}_PASSWORD = '{}', {word}_CONNECT_RETRY = 1",
        password.reveal()
    );
    if is_mariadb(replica) {
        text.push_str(", MASTER_SSL = 0, MASTER_SSL_VERIFY_SERVER_CERT = 0");
        text.push_str(match begin {
            Begin::Gtid => ", MASTER_USE_GTID = slave_pos",
            Begin::File { .. } => ", MASTER_USE_GTID = no",
        });
    } else {
        if replica.version >= Version::release(8, 0) {
            text.push_str(&format!(", GET_{word}_PUBLIC_KEY = 1"));
        }
        let auto = u8::from(matches!(begin, Begin::Gtid));
        text.push_str(&format!(", {word}_AUTO_POSITION = {auto}"));
    }
    if let Begin::File {
        from: Coordinates { file, position },
        assigns_gtids,
    } = begin
    {
        text.push_str(&format!(
            ", {word}_LOG_FILE = '{file}', {word}_LOG_POS = {position}"
        ));
        if *assigns_gtids {
            text.push_str(", ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS = LOCAL");
        }
    }
    text
}

pub(super) fn start(replica: &Identity) -> &'static str {
    match is_renamed(replica) {
        true => "START REPLICA",
        false => "START SLAVE",
    }
}

pub(super) fn show_status(replica: &Identity) -> &'static str {
    match is_renamed(replica) {
        true => "SHOW REPLICA STATUS",
        false => "SHOW SLAVE STATUS",
    }
}

/// The statement after which a source waits for no replica.
pub(super) fn wait_for_nobody(source: &Identity) -> &'static str {
    match is_renamed(source) {
        true => "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
        false => "SET GLOBAL rpl_semi_sync_master_enabled = OFF",
    }
}

/// The statement after which it waits again.
pub(super) fn wait_for_replicas(source: &Identity) -> &'static str {
    match is_renamed(source) {
        true => "SET GLOBAL rpl_semi_sync_source_enabled = ON",
        false => "SET GLOBAL rpl_semi_sync_master_enabled = ON",
    }
}

pub(super) fn stop(replica: &Identity) -> &'static str {
    match is_renamed(replica) {
        true => "STOP REPLICA",
        false => "STOP SLAVE",
    }
}

/// Stops the thread that reads from the source; the other one applies what was read.
pub(super) fn stop_reading(replica: &Identity) -> &'static str {
    match is_renamed(replica) {
        true => "STOP REPLICA IO_THREAD",
        false => "STOP SLAVE IO_THREAD",
    }
}

/// Forgets the source of a replica that is stopped.
pub(super) fn forget_source(replica: &Identity) -> &'static str {
    match is_renamed(replica) {
        true => "RESET REPLICA ALL",
        false => "RESET SLAVE ALL",
    }
}

/// Lets a source of MariaDB follow another server from where it is: it knows its own
/// position as that of a source alone.
pub(super) const FOLLOW_FROM_HERE: &str = "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos";

/// Refuses writes of users; or all, on a server that can.
pub(super) fn refuse_writes(server: &Identity) -> Vec<&'static str> {
    let mut statements = vec!["SET GLOBAL read_only = ON"];
    if has_super_read_only(server) {
        statements.push("SET GLOBAL super_read_only = ON");
    }
    statements
}

/// Accepts the writes of dbmatrix's own user again, as every replica does.
pub(super) fn accept_own_writes(server: &Identity) -> Option<&'static str> {
    has_super_read_only(server).then_some("SET GLOBAL super_read_only = OFF")
}

/// Accepts all writes again; MySQL takes `super_read_only` off with it.
pub(super) const ACCEPT_WRITES: &str = "SET GLOBAL read_only = OFF";

/// MySQL manual, "super_read_only"; MariaDB has none.
fn has_super_read_only(server: &Identity) -> bool {
    !is_mariadb(server) && server.version >= Version::exact(5, 7, 8)
}

/// Forgets the binary log and all GTIDs.
pub(super) fn begin_history(server: &Identity) -> &'static str {
    match is_mariadb(server) || server.version < Version::release(8, 2) {
        true => "RESET MASTER",
        false => "RESET BINARY LOGS AND GTIDS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(full: &str) -> Identity {
        Identity::read(full, "").expect("a version")
    }

    fn following(replica: &str, begin: &Begin) -> String {
        let login = Login {
            host: Ipv4Addr::new(10, 1, 2, 10),
            password: &Secret::new("x"),
        };
        follow(&server(replica), &login, begin)
    }

    #[test]
    fn a_replica_follows_in_the_words_of_its_version() {
        insta::assert_snapshot!(following("11.8.3-MariaDB", &Begin::Gtid), @"CHANGE MASTER TO MASTER_HOST = '10.1.2.10', MASTER_PORT = 3306, MASTER_USER = 'dbmatrix_replica', MASTER_PASSWORD = 'x', MASTER_CONNECT_RETRY = 1, MASTER_SSL = 0, MASTER_SSL_VERIFY_SERVER_CERT = 0, MASTER_USE_GTID = slave_pos");
        insta::assert_snapshot!(following("9.7.4", &Begin::Gtid), @"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '10.1.2.10', SOURCE_PORT = 3306, SOURCE_USER = 'dbmatrix_replica', SOURCE_PASSWORD = 'x', SOURCE_CONNECT_RETRY = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1");
        insta::assert_snapshot!(following("5.6.24", &Begin::Gtid), @"CHANGE MASTER TO MASTER_HOST = '10.1.2.10', MASTER_PORT = 3306, MASTER_USER = 'dbmatrix_replica', MASTER_PASSWORD = 'x', MASTER_CONNECT_RETRY = 1, MASTER_AUTO_POSITION = 1");
        let begin = |assigns_gtids| Begin::File {
            from: Coordinates {
                file: "dbmatrix-bin.000001".to_owned(),
                position: 4,
            },
            assigns_gtids,
        };
        let told = following("11.8.3-MariaDB", &begin(false));
        assert!(
            told.ends_with(
                "MASTER_USE_GTID = no, MASTER_LOG_FILE = 'dbmatrix-bin.000001', MASTER_LOG_POS = 4"
            ),
            "{told}"
        );
        let told = following("9.7.4", &begin(true));
        assert!(
            told.ends_with("SOURCE_LOG_POS = 4, ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS = LOCAL"),
            "{told}"
        );
    }

    #[test]
    fn a_replica_assigns_gtids_since_it_can() {
        assert!(ask_for_gtids(&server("8.0.23")).is_some());
        for other in ["8.0.22", "5.7.44", "11.8.3-MariaDB"] {
            assert_eq!(ask_for_gtids(&server(other)), None, "{other}");
        }
    }

    #[test]
    fn a_server_changes_its_part_in_the_words_of_its_version() {
        let words = |full: &str| {
            let server = server(full);
            let all = [stop(&server), stop_reading(&server), forget_source(&server)];
            let refuse = refuse_writes(&server).len();
            format!("{}; {refuse}", all.join(", "))
        };
        let new = "STOP REPLICA, STOP REPLICA IO_THREAD, RESET REPLICA ALL; 2";
        assert_eq!(words("9.7.4"), new);
        let old = "STOP SLAVE, STOP SLAVE IO_THREAD, RESET SLAVE ALL; 1";
        assert_eq!(words("5.6.24"), old);
        assert_eq!(words("11.8.3-MariaDB"), old);
    }

    #[test]
    fn the_user_of_a_replica_is_kept_out_of_the_log() {
        let password = Secret::new("x");
        let made = let_in(&server("9.7.4"), Ipv4Addr::new(10, 1, 2, 11), &password);
        insta::assert_snapshot!(made.join("\n"), @r"
        SET SESSION sql_log_bin = 0
        CREATE USER IF NOT EXISTS 'dbmatrix_replica'@'10.1.2.11' IDENTIFIED BY 'x'
        ALTER USER 'dbmatrix_replica'@'10.1.2.11' IDENTIFIED BY 'x'
        GRANT REPLICATION SLAVE ON *.* TO 'dbmatrix_replica'@'10.1.2.11'
        ");
        let old = let_in(&server("5.6.24"), Ipv4Addr::new(10, 1, 2, 11), &password);
        assert_eq!(old.len(), 2, "{old:?}");
    }
}
