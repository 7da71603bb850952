use std::path::Path;

use crate::{Command, Format, LeftOut, Log};

/// Line, user, database, statement.
type Seen = (crate::Place, String, String, String);

fn read(text: &str) -> (Vec<Seen>, LeftOut) {
    let bytes = text.as_bytes().to_vec();
    let mut log = Log::from_reader(std::io::Cursor::new(bytes), Path::new("x")).expect("a log");
    assert_eq!(log.format(), Format::GeneralLog);
    let mut all = Vec::new();
    while let Some(entry) = log.next_entry().expect("an entry") {
        all.push((
            entry.place,
            entry.user.unwrap_or_default().into_owned(),
            entry.database.unwrap_or_default().into_owned(),
            String::from_utf8_lossy(&entry.statement).into_owned(),
        ));
    }
    (all, *log.left_out())
}

fn seen(line: u64, user: &str, database: &str, statement: &str) -> Seen {
    let own = str::to_owned;
    (
        crate::Place::Line(line),
        own(user),
        own(database),
        own(statement),
    )
}

#[test]
fn reads_logs_of_mysql_5_5() {
    let text = "mysqld, Version: 5.5.62-log (MySQL Community Server (GPL)). started with:\n\
         Tcp port: 3306  Unix socket: /tmp/mysql.sock\n\
         Time                 Id Command    Argument\n\
         071015 21:43:52\t    1 Connect\tapp@localhost on shop\n\
         \t\t    1 Query\tselect 1\n\
         \t\t    2 Connect\troot@web on \n\
         071015  1:43:53\t    1 Query\tselect\n  2\nfrom t\n\
         \t\t    2 Init DB\tother\n\
         \t\t    2 Query\tselect 3;\n\
         \t\t    1 Quit\t\n\
         \t\t    1 Query\tselect 4\n";
    let (found, left_out) = read(text);
    assert_eq!(
        found,
        [
            seen(5, "app", "shop", "select 1"),
            seen(7, "app", "shop", "select\n  2\nfrom t"),
            seen(11, "root", "other", "select 3"),
            seen(13, "", "", "select 4"),
        ]
    );
    assert_eq!(left_out.administrator_commands, 4);
}

#[test]
fn reads_logs_of_mysql_8_with_prepared_statements() {
    let text = "2026-11-27T20:15:00.123456Z\t    8 Connect\tapp@localhost on shop using Socket\n\
         2026-11-27T20:15:00.123457Z\t    8 Prepare\tselect ? from t\n\
         2026-11-27T20:15:00.123458Z\t    8 Execute\tselect 5 from t\n\
         2026-11-27T20:15:00.123458Z\t    8 Close stmt\t\n\
         2026-11-27T20:15:00.123459Z\t    8 Query\tUSE `other`\n\
         2026-11-27T20:15:00.123460+01:00\t    8 Query\tselect 6\n\
         2026-11-27T20:15:00.123461Z\t    8 Reset Connection\n";
    let (found, left_out) = read(text);
    assert_eq!(
        found,
        [
            seen(3, "app", "shop", "select 5 from t"),
            seen(5, "app", "shop", "USE `other`"),
            seen(6, "app", "other", "select 6"),
        ]
    );
    assert_eq!((left_out.prepared, left_out.administrator_commands), (1, 3));
}

#[test]
fn banners_and_blank_lines_end_no_statement_wrongly() {
    let text = "2026-11-27T20:15:00.1Z\t    8 Query\tselect 1\n\n, 2\n\
         /usr/sbin/mysqld, Version: 8.0.36 (x). started with:\n\
         Tcp port: 3306  Unix socket: /run/x.sock\n\
         Time                 Id Command    Argument\n\
         2026-11-27T20:15:01.1Z\t    9 Query\tselect 3\n";
    let (found, _) = read(text);
    assert_eq!(
        found,
        [
            seen(1, "", "", "select 1\n\n, 2"),
            seen(7, "", "", "select 3")
        ]
    );
}

#[test]
fn a_statement_cut_at_the_end_is_counted() {
    let text = "\t\t    1 Query\tselect 1\n\t\t    1 Query\tselect 2 fro";
    let (found, left_out) = read(text);
    assert_eq!(found.len(), 1);
    assert_eq!(left_out.cut, 1);
}

#[test]
fn reads_logins_in_all_forms() {
    for (argument, user, database) in [
        ("app@localhost on shop using TCP/IP", "app", "shop"),
        ("app@localhost on  using SSL/TLS", "app", ""),
        ("app@localhost as anonymous on shop", "app", "shop"),
        ("a@b@localhost on shop", "a@b", "shop"),
        ("app@localhost on", "app", ""),
    ] {
        let text = format!("\t\t    1 Connect\t{argument}\n\t\t    1 Query\tselect 1\n");
        let (found, _) = read(&text);
        assert_eq!(found, [seen(2, user, database, "select 1")], "{argument}");
    }
    let (found, _) = read(
        "\t\t 1 Connect\tAccess denied for user 'x'@'y' (using password: NO)\n\t\t 1 Query\tselect 1\n",
    );
    assert_eq!(found, [seen(2, "", "", "select 1")]);
}

#[test]
fn the_end_of_a_connection_is_a_command() {
    let text = "2026-11-27T20:15:00.5Z\t    1 Query\tselect 1\n\
         2026-11-27T20:15:01.5Z\t    1 Quit\t\n\
         2026-11-27T20:15:02.5Z\t    2 Quit\t";
    let mut log = Log::from_reader(text.as_bytes(), Path::new("x")).expect("a log");
    let mut quits = Vec::new();
    while let Some(command) = log.next_command().expect("a command") {
        if let Command::Quit { connection, moment } = command {
            quits.push((connection, moment.is_some()));
        }
    }
    // The last line is complete without its end.
    assert_eq!(quits, [(1, true), (2, true)]);
    assert_eq!(log.left_out().cut, 0);
}
