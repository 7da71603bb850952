//! The document of a run with all kinds of results.

use super::*;
use crate::test_fixtures;

#[test]
fn all_that_happens_is_told() {
    let text = render(&test_fixtures::record()).expect("text");
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="dbmatrix" tests="8" failures="3" errors="1" time="1.500">
        <testsuite name="types on mysql-9.7" tests="3" skipped="0" errors="1" failures="2" timestamp="2026-11-23T17:45:39.000+00:00" time="0.750">
            <properties>
                <property name="program" value="dbmatrix 0.1.0"/>
                <property name="began" value="2026-11-23T17:45:39Z"/>
                <property name="engine" value="LXD 5.0.2"/>
                <property name="version" value="9.7.4-2"/>
                <property name="packages" value="server 9.7.4-2"/>
            </properties>
            <testcase name="sql/a.sql[mysql-9.7]" classname="types on mysql-9_7" time="0.250" file="sql/a.sql" line="7">
                <failure message="1 new difference" type="difference">DIFF sql/a.sql:7: succeeds here, fails there
        | INSERT INTO t
        | VALUES (1) RETURNING a
        mariadb-10.5 answers:
          a
          1
        mysql-9.7 differs (succeeds here, fails there):
          ERROR 1064 (42000): near &apos;RETURNING&apos;

    </failure>
            </testcase>
            <testcase name="sql/b.slt[mysql-9.7]" classname="types on mysql-9_7" time="0.250" file="sql/b.slt" line="12">
                <failure message="1 step failed" type="rows">sql/b.slt:12: other rows
        | SELECT &apos;&lt;b&gt;&apos; | 1
        expected: 0
        found: \u{1b}[31m1 &amp; 2

    </failure>
            </testcase>
            <testcase name="sql/c.slt[mysql-9.7]" classname="types on mysql-9_7" time="0.250" file="sql/c.slt">
                <error message="aborted: connection lost" type="aborted">aborted: connection lost

    </error>
            </testcase>
        </testsuite>
        <testsuite name="types on mariadb-10.5" tests="3" skipped="1" errors="0" failures="0" timestamp="2026-11-23T17:45:39.000+00:00" time="0.500">
            <properties>
                <property name="program" value="dbmatrix 0.1.0"/>
                <property name="began" value="2026-11-23T17:45:39Z"/>
                <property name="engine" value="LXD 5.0.2"/>
                <property name="version" value="10.5.29-MariaDB-0+deb11u1"/>
                <property name="packages" value="server 10.5.29-MariaDB-0+deb11u1"/>
            </properties>
            <testcase name="sql/a.sql[mariadb-10.5]" classname="types on mariadb-10_5" time="0.250" file="sql/a.sql"/>
            <testcase name="sql/b.slt[mariadb-10.5]" classname="types on mariadb-10_5" time="0.250" file="sql/b.slt">
                <flakyFailure message="at first" type="flaky">    | SELECT &apos;&lt;b&gt;&apos; | 1
        expected: 0
        found: \u{1b}[31m1 &amp; 2
    </flakyFailure>
            </testcase>
            <testcase name="sql/c.slt[mariadb-10.5]" classname="types on mariadb-10_5" time="0.000" file="sql/c.slt">
                <skipped message="no condition of its steps holds on this flavour"/>
            </testcase>
        </testsuite>
        <testsuite name="server on percona-8.4" tests="1" skipped="1" errors="0" failures="0" timestamp="2026-11-23T17:45:39.000+00:00">
            <testcase name="server[percona-8.4]" classname="server on percona-8_4">
                <skipped message="unavailable: the repository is not reached: no route to host" type="unavailable">the repository is not reached:
    no route to host</skipped>
            </testcase>
        </testsuite>
        <testsuite name="known divergences" tests="1" skipped="0" errors="0" failures="1" timestamp="2026-11-23T17:45:39.000+00:00">
            <testcase name="sql/a.sql.divergences.toml:3" classname="known divergences" file="sql/a.sql.divergences.toml" line="3">
                <failure message="stale: it differs no more on mysql-9.7" type="stale">SELECT 1</failure>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_run_that_could_not_begin_is_an_error() {
    let mut run = RunRecord::default();
    run.aborted = Some((crate::event::Verdict::NotProvided, "no engine".to_owned()));
    let text = render(&run).expect("text");
    assert!(text.contains("<error message=\"no engine\""), "{text}");
}
