//! What columns of the servers' tables mean.

/// A table, as far as its rows are read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// `mysql.general_log`
    General,
    /// `mysql.slow_log`
    Slow,
    /// Tables and views of statements and their digests.
    Digests,
}

/// What a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Time,
    LastSeen,
    UserHost,
    User,
    Host,
    Connection,
    Command,
    /// The statement of a general log.
    Argument,
    /// A statement that can run.
    Statement,
    /// A normalised or shortened statement.
    Form,
    Database,
    Count,
    Total,
    Longest,
    Shortest,
    Duration,
}

/// Names of columns, in small letters. `sys` has names of its own.
const ROLES: &[(&str, Role)] = &[
    ("event_time", Role::Time),
    ("start_time", Role::Time),
    ("query_sample_seen", Role::Time),
    ("last_seen", Role::LastSeen),
    ("user_host", Role::UserHost),
    ("user", Role::User),
    ("host", Role::Host),
    ("thread_id", Role::Connection),
    ("processlist_id", Role::Connection),
    ("command_type", Role::Command),
    ("argument", Role::Argument),
    ("sql_text", Role::Statement),
    ("query_sample_text", Role::Statement),
    ("digest_text", Role::Form),
    ("query", Role::Form),
    ("schema_name", Role::Database),
    ("current_schema", Role::Database),
    ("db", Role::Database),
    ("count_star", Role::Count),
    ("exec_count", Role::Count),
    ("sum_timer_wait", Role::Total),
    ("total_latency", Role::Total),
    ("max_timer_wait", Role::Longest),
    ("max_latency", Role::Longest),
    ("min_timer_wait", Role::Shortest),
    ("timer_wait", Role::Duration),
    ("query_sample_timer_wait", Role::Duration),
    ("query_time", Role::Duration),
];

impl Role {
    /// By the column's name, in any case.
    pub(crate) fn of(name: &[u8]) -> Option<Role> {
        let found = ROLES
            .iter()
            .find(|(own, _)| own.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, role)| *role)
    }
}

/// Columns by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    roles: Vec<Option<Role>>,
}

impl Columns {
    /// From a first row of names; `None` where they are those of no known table.
    pub(crate) fn from_names<'a>(names: impl Iterator<Item = &'a [u8]>) -> Option<(Self, Table)> {
        let roles: Vec<_> = names.map(|name| Role::of(name.trim_ascii())).collect();
        let columns = Columns { roles };
        let table = columns.table()?;
        Some((columns, table))
    }

    /// From a first row with no names, by what is in it.
    pub(crate) fn from_values(values: &[&[u8]]) -> Option<(Self, Table)> {
        let is_time = |at: usize| {
            let value = values.get(at).copied().unwrap_or_default();
            crate::Timestamp::read(value).is_some()
        };
        let is_number = |at: usize| {
            let value = values.get(at).copied().unwrap_or_default();
            !value.is_empty() && value.iter().all(u8::is_ascii_digit)
        };
        let (columns, table): (&[(usize, Role)], _) = match values.len() {
            6 if is_time(0) && is_number(2) && is_number(3) => (
                &[
                    (0, Role::Time),
                    (1, Role::UserHost),
                    (2, Role::Connection),
                    (4, Role::Command),
                    (5, Role::Argument),
                ],
                Table::General,
            ),
            11..=13 if is_time(0) && is_number(4) && is_number(5) => (
                &[
                    (0, Role::Time),
                    (1, Role::UserHost),
                    (2, Role::Duration),
                    (6, Role::Database),
                    (10, Role::Statement),
                    (11, Role::Connection),
                ],
                Table::Slow,
            ),
            _ => return None,
        };
        let mut roles = vec![None; values.len()];
        for (at, role) in columns {
            if let Some(own) = roles.get_mut(*at) {
                *own = Some(*role);
            }
        }
        Some((Columns { roles }, table))
    }

    /// The table whose columns these are.
    fn table(&self) -> Option<Table> {
        let has = |role| self.roles.contains(&Some(role));
        table_of(has)
    }

    /// Columns that each row has.
    pub(super) fn least(&self) -> usize {
        let is_text = |role: &Option<Role>| {
            matches!(role, Some(Role::Argument | Role::Statement | Role::Form))
        };
        self.roles.iter().position(is_text).map_or(1, |at| at + 1)
    }

    pub(super) fn roles(&self) -> impl Iterator<Item = (usize, Role)> + '_ {
        let places = self.roles.iter().enumerate();
        places.filter_map(|(at, role)| role.map(|role| (at, role)))
    }
}

/// The table that has these columns.
pub(crate) fn table_of(has: impl Fn(Role) -> bool) -> Option<Table> {
    if has(Role::Command) && has(Role::Argument) {
        Some(Table::General)
    } else if has(Role::Statement) && has(Role::UserHost) {
        Some(Table::Slow)
    } else if has(Role::Statement) || has(Role::Form) {
        Some(Table::Digests)
    } else {
        None
    }
}
