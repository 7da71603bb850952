//! `replicas` and `topology` of a flavour: servers that follow the flavour's own.
//!
//! Owns the keys and the names of the replicas. How servers replicate is in
//! `server/replication`.

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::name;
use dbmatrix_sql::version::Family;

use super::flavour::{Common, Flavour, Managed, Source, read_bare};
use crate::server::{ASSIGNS_GTIDS, Member, Role, ServerSpec, Topology};

/// The servers that follow a flavour's own, which is their source.
#[derive(Debug, Clone)]
pub struct Replication {
    /// How they and the source belong together.
    pub topology: Topology,
    /// The replicas. To whatever makes and keeps servers each is a flavour of its own,
    /// named after the flavour that it belongs to: `move/replica-1`.
    pub replicas: Vec<Flavour>,
}

/// What a flavour's table says of its replicas.
pub(super) struct Wanted {
    topology: Topology,
    groups: Vec<Group>,
}

/// Replicas that are alike.
struct Group {
    /// `None` if their server is that of the flavour.
    server: Option<Placed<Managed>>,
    count: u32,
    settings: Vec<(String, String)>,
}

/// Reads `replicas` and `topology`; `None` without replicas, or if a problem was reported.
pub(super) fn read(table: &TableReader<'_>, common: Common<'_>) -> Option<Wanted> {
    let topology = table.choice("topology", &Topology::WORDS);
    let tables = table.tables("replicas");
    if tables.is_empty() {
        if let Some(span) = table.span_of("topology") {
            let expected = "`topology` says how replicas follow; add `replicas = [{ count = 1 }]`";
            table.problem(span, expected);
        }
        return None;
    }
    let groups: Vec<Option<Group>> = tables
        .iter()
        .map(|replica| {
            let group = read_group(replica, common);
            replica.finish();
            group
        })
        .collect();
    let groups: Vec<Group> = groups.into_iter().collect::<Option<_>>()?;
    let topology = topology.unwrap_or_default();
    let most = topology.most_replicas();
    let count: u64 = groups.iter().map(|group| u64::from(group.count)).sum();
    if count > u64::from(most) {
        let span = table.span_of("replicas").unwrap_or_else(|| table.span());
        let of = topology.as_str();
        let problem = format!(
            "expected at most {most} replicas of a flavour with `topology = \"{of}\"`, found {count}"
        );
        table.problem(span, problem);
        return None;
    }
    Some(Wanted { topology, groups })
}

fn read_group(table: &TableReader<'_>, common: Common<'_>) -> Option<Group> {
    let count = table.count("count").map_or(1, |count| count.value);
    let settings = table.settings("settings");
    let server = match table.text("server") {
        None if table.has("server") => return None,
        None => None,
        Some(server) => {
            let span = server.span.clone();
            // A server's name need not be a flavour's.
            let name = Placed {
                value: "replica".to_owned(),
                span: span.clone(),
            };
            match read_bare(table, server, Some(name), common)?.source {
                Source::Managed(managed) => Some(Placed {
                    value: *managed,
                    span,
                }),
                Source::External(_) => return None,
            }
        }
    };
    Some(Group {
        server,
        count,
        settings,
    })
}

/// Reports each server that cannot be a member of such a topology.
pub(super) fn check(table: &TableReader<'_>, flavour: &Flavour, wanted: &Wanted) {
    let span = table
        .span_of("topology")
        .or_else(|| table.span_of("replicas"))
        .unwrap_or_else(|| table.span());
    let own = flavour.managed().map(|managed| (managed, span));
    let groups = wanted.groups.iter().filter_map(|group| {
        let server = group.server.as_ref()?;
        Some((&server.value, server.span.clone()))
    });
    for (managed, span) in own.into_iter().chain(groups) {
        if let Some(reason) = wanted.topology.refusal(&managed.spec) {
            table.problem(span, format!("`{}`: {reason}", managed.server));
        }
    }
}

/// The flavour with its replicas.
pub(super) fn attach(mut flavour: Flavour, wanted: &Wanted) -> Flavour {
    let Source::Managed(source) = &mut flavour.source else {
        return flavour;
    };
    let member = |role, number| Member {
        role,
        number,
        topology: wanted.topology,
    };
    source.spec.member = Some(member(Role::Source, 1));
    let alike = wanted.groups.iter().flat_map(|group| {
        let count = usize::try_from(group.count).unwrap_or_default();
        std::iter::repeat_n(group, count)
    });
    let replicas = alike.zip(1..).map(|(group, number)| {
        let mut managed = group.replica_of(source);
        managed.spec.member = Some(member(Role::Replica, number + 1));
        Flavour {
            name: name::replica(&flavour.name, number as usize),
            required: flavour.required,
            source: Source::Managed(Box::new(managed)),
            replication: None,
        }
    });
    flavour.replication = Some(Replication {
        topology: wanted.topology,
        replicas: replicas.collect(),
    });
    flavour
}

impl Group {
    /// The server of a replica. Data comes from the source, and the login is the same on
    /// all.
    fn replica_of(&self, source: &Managed) -> Managed {
        let mut managed = match &self.server {
            None => source.clone(),
            Some(server) => {
                let mut managed = server.value.clone();
                let (spec, like) = (&mut managed.spec, &source.spec);
                spec.login.clone_from(&like.login);
                spec.certificates.clone_from(&like.certificates);
                spec.memory_profile = like.memory_profile;
                spec.durability = like.durability;
                spec.time_zones = like.time_zones;
                managed
            }
        };
        managed.setup.clear();
        if cannot_assign_gtids(&source.spec, &managed.spec) {
            // Before those of the matrix, which may override it.
            let off = ("gtid-mode".to_owned(), "OFF".to_owned());
            managed.spec.settings.insert(0, off);
        }
        managed.spec.set(&self.settings);
        managed
    }
}

/// Whether a replica with GTIDs would refuse each transaction of its source, which has none
/// that it knows.
fn cannot_assign_gtids(source: &ServerSpec, replica: &ServerSpec) -> bool {
    let is_mariadb = |server: &ServerSpec| server.family == Family::Mariadb;
    // A series is its newest release.
    let version = match replica.version.is_exact() {
        true => ASSIGNS_GTIDS,
        false => ASSIGNS_GTIDS.series(),
    };
    is_mariadb(source) && !is_mariadb(replica) && replica.version < version
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::Matrix;
    use crate::provision::{template_key, template_keys};

    fn parse(keys: &str) -> Result<Vec<Flavour>, String> {
        parse_with("mariadb:10.5", keys)
    }

    fn parse_with(server: &str, keys: &str) -> Result<Vec<Flavour>, String> {
        let text = format!("[[flavour]]\nname = 'move'\nserver = '{server}'\n{keys}\n");
        let matrix = Matrix::parse(Path::new("m.toml"), &text);
        let matrix = matrix.map_err(|error| error.lines().join("\n"))?;
        Ok(matrix.flavours)
    }

    fn replicas(flavour: &Flavour) -> &[Flavour] {
        let replication = flavour.replication.as_ref();
        &replication.expect("replicas").replicas
    }

    #[test]
    fn replicas_are_named_and_numbered_in_order() {
        let keys = "replicas = [{ server = 'mariadb:11.8', count = 2 }, {}]";
        let flavours = parse(keys).expect("a matrix");
        let servers: Vec<(&str, &str)> = flavours[0]
            .servers()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.managed().expect("ours").server.as_str(),
                )
            })
            .collect();
        assert_eq!(
            servers,
            [
                ("move", "mariadb:10.5"),
                ("move/replica-1", "mariadb:11.8"),
                ("move/replica-2", "mariadb:11.8"),
                ("move/replica-3", "mariadb:10.5"),
            ]
        );
        let members = flavours[0].servers();
        let numbers: Vec<u32> = members
            .map(|one| one.managed().expect("ours").spec.member.expect("a member"))
            .map(|member| member.number)
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
    }

    #[test]
    fn every_variant_has_replicas_of_its_own() {
        let keys = "replicas = [{}]\nvary = { sql_mode = ['ANSI', ''] }";
        let flavours = parse(keys).expect("a matrix");
        let names = flavours.iter().flat_map(Flavour::servers);
        let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "move-ansi",
                "move-ansi/replica-1",
                "move-no-sql-mode",
                "move-no-sql-mode/replica-1"
            ]
        );
        let ansi = replicas(&flavours[0])[0].managed().expect("ours");
        let expected = ("sql_mode".to_owned(), "ANSI".to_owned());
        assert!(ansi.spec.settings.contains(&expected));
    }

    #[test]
    fn members_are_made_from_the_golden_child_of_the_plain_server() {
        let plain = &parse("").expect("a matrix")[0];
        let flavours = parse("replicas = [{ count = 2 }]").expect("a matrix");
        let keys = |flavour: &Flavour| template_keys(flavour.managed().expect("ours"));
        let members: Vec<Vec<String>> = flavours[0].servers().map(keys).collect();
        for member in &members {
            assert_eq!(member[0], template_key(plain.managed().expect("ours")));
            assert_eq!(member.len(), 2);
        }
        assert_ne!(members[0][1], members[1][1], "the roles differ");
        assert_ne!(members[1][1], members[2][1], "the numbers differ");
    }

    #[test]
    fn an_old_replica_of_another_family_has_no_gtids() {
        for (server, is_off) in [
            ("mysql:5.7", true),
            ("mysql:8.0.22", true),
            ("mysql:8.0.23", false),
            ("mysql:8.0", false),
            ("mysql:9.7", false),
            ("mariadb:11.8", false),
        ] {
            let keys = format!("replicas = [{{ server = '{server}' }}]");
            let flavours = parse(&keys).expect("a matrix");
            let managed = replicas(&flavours[0])[0].managed().expect("ours");
            let off = ("gtid-mode".to_owned(), "OFF".to_owned());
            assert_eq!(managed.spec.settings.contains(&off), is_off, "{server}");
        }
    }

    #[test]
    fn servers_that_are_too_old_to_replicate_are_refused_by_name() {
        let told = parse("replicas = [{ server = 'mysql:5.5' }]").expect_err("a bad matrix");
        insta::assert_snapshot!(told, @"m.toml:4: `mysql:5.5`: it has no GTIDs, and its replicas lose their position in a crash; name MySQL 5.6 or later for a flavour with `replicas`");
        let source = "[[flavour]]\nserver = 'mysql:5.5'\nreplicas = [{ server = 'mysql:5.6' }]\n";
        let error = Matrix::parse(Path::new("m.toml"), source).expect_err("a bad matrix");
        assert_eq!(error.lines().len(), 1);
    }

    #[test]
    fn bad_replicas_are_told_at_their_place() {
        let told = |keys: &str| parse(keys).expect_err("a bad matrix");
        insta::assert_snapshot!(told("topology = 'async'"), @"m.toml:4: `topology` says how replicas follow; add `replicas = [{ count = 1 }]`");
        insta::assert_snapshot!(told("replicas = [{}]\ntopology = 'ring'"), @"m.toml:5: expected `async`, `semi-sync`, `group` or `galera`; found `ring`");
        insta::assert_snapshot!(told("replicas = [{ count = 8 }, { count = 2 }]"), @r#"m.toml:4: expected at most 9 replicas of a flavour with `topology = "async"`, found 10"#);
        insta::assert_snapshot!(told("replicas = [{ sever = 'mariadb:11.8' }]"), @"m.toml:4: unknown key `sever`; did you mean `server`?");
        assert!(told("replicas = [{ server = 'mariadb:1.0' }]").contains("the catalogue has no"));
        let external = "[[flavour]]\nname = 'a'\nurl = 'env:A'\nreplicas = [{}]\n";
        let error = Matrix::parse(Path::new("m.toml"), external).expect_err("a bad matrix");
        insta::assert_snapshot!(error.lines().join("\n"), @"m.toml:4: `replicas` is for servers that dbmatrix makes; this one has a `url` and is taken as it is");
    }

    #[test]
    fn servers_that_cannot_be_members_are_refused_by_name() {
        let told = |server: &str, keys: &str| parse_with(server, keys).expect_err("a bad matrix");
        insta::assert_snapshot!(told("mariadb:11.8", "replicas = [{}]\ntopology = 'group'"), @r#"m.toml:5: `mariadb:11.8`: MariaDB has no group replication; use `topology = "galera"`"#);
        insta::assert_snapshot!(told("mysql:9.7", "replicas = [{}]\ntopology = 'galera'"), @r#"m.toml:5: `mysql:9.7`: MySQL has no Galera; use `topology = "group"`"#);
        insta::assert_snapshot!(told("percona:8.4", "replicas = [{}]\ntopology = 'galera'"), @r#"m.toml:5: `percona:8.4`: Percona Server has no Galera, and dbmatrix has no Percona XtraDB Cluster; use `topology = "group"`"#);
        insta::assert_snapshot!(told("mysql:9.7", "replicas = [{}, { server = 'mysql:5.7' }]\ntopology = 'group'"), @r#"m.toml:4: `mysql:5.7`: a group needs MySQL or Percona Server 8.0.22 or later; use a later one, or `topology = "async"`"#);
        insta::assert_snapshot!(told("mysql:8.0.21", "replicas = [{}]\ntopology = 'group'"), @r#"m.toml:5: `mysql:8.0.21`: a group needs MySQL or Percona Server 8.0.22 or later; use a later one, or `topology = "async"`"#);
        insta::assert_snapshot!(told("mariadb:10.3", "replicas = [{}]\ntopology = 'galera'"), @r#"m.toml:5: `mariadb:10.3`: a cluster needs MariaDB 10.4 or later, which has Galera 4; use a later one, or `topology = "async"`"#);
        insta::assert_snapshot!(told("mysql:9.7", "replicas = [{ count = 9 }]\ntopology = 'group'"), @r#"m.toml:4: expected at most 8 replicas of a flavour with `topology = "group"`, found 9"#);
        let good = parse_with(
            "mysql:8.0",
            "replicas = [{ count = 8 }]\ntopology = 'group'",
        );
        assert_eq!(replicas(&good.expect("a matrix")[0]).len(), 8);
    }
}
