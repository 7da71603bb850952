//! Logs of all formats, and their words.

/// A log of each format.
pub(crate) const LOGS: &[&str] = &[
    "/usr/sbin/mysqld, Version: 8.0.36 (x). started with:\nTcp port: 3306  Unix socket: /run/x.sock\nTime                 Id Command    Argument\n# Time: 2026-11-27T20:15:00.123456Z\n# User@Host: root[root] @ localhost []  Id:     8\n# Query_time: 0.000123  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 0\nuse shop;\nSET timestamp=1795810500;\nSELECT 1;\n# User@Host: a[a] @ b [10.0.0.7]\n# Thread_id: 13  Schema: shop  QC_hit: No\n# Query_time: 0.5  Lock_time: 0.0\nSET timestamp=1795810500;\nselect '\n# Time: 1';\n# Time: 071015 21:43:52\n# User@Host: a[a] @ b []\n# Query_time: 1\nSET timestamp=1;\n# administrator command: Quit;\n",
    "071015 21:43:52\t    1 Connect\tapp@localhost on shop\n\t\t    1 Query\tselect\n1\n2026-11-27T20:15:00.123456Z\t    8 Execute\tselect 2\n\t\t    1 Init DB\tother\n\t\t    1 Quit\t\n",
    "-- x\nSELECT 1;\nuse a;\nselect 'é'\n",
    "DELIMITER /*!*/;\n# at 4\n#261127 20:15:01 server id 1  end_log_pos 235 \tQuery\tthread_id=8\texec_time=2\nuse `a`/*!*/;\nSET TIMESTAMP=1/*!*/;\ninsert into t\nvalues (1)\n/*!*/;\nBINLOG '\nAA\n'/*!*/;\n",
    "DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT,QUERY_SAMPLE_TEXT\nSELECT ?,10,5,\"select \"\"1\"\"\n\"\nx,1,2,NULL\n",
    "2026-11-27 20:15:00.1\ta[a] @ b []\t8\t1\tQuery\tselect 'a\\tb'\\n\n",
    "[{\"SQL_TEXT\": \"select '}'\", \"TIMER_WAIT\": 5}, {\"SQL_TEXT\": \"x\"}]",
    "\u{a}\r\r\u{a}\u{1c}\0\0\0\u{4d}<+\u{1a}\u{1}\0\0\0",
];

/// Words of all formats.
pub(crate) const LOG_WORDS: &[&str] = &[
    "# Time: 071015 21:43:52\n",
    "# User@Host: a[a] @ b [c] Id: 5\n",
    "# Query_time: 1.5 ",
    "# Schema: ",
    "# administrator command: Quit;\n",
    "use a;\n",
    "SET timestamp=1;\n",
    "\t\t  1 Query\t",
    "\t\t  2 Prepare\t",
    "Tcp port: 1 Unix socket: x\n",
    "/*!*/;\n",
    "BINLOG '\n",
    "DELIMITER ;\n",
    "#071015 21:43:52 server id 1 thread_id=",
    "\"SQL_TEXT\": ",
    "NULL",
    "\\N",
    "\\",
    "'",
    "\"",
    "`",
    "/*",
    "*/",
    "-- ",
    ";",
    "\r\n",
    "\t",
    "{",
    "}",
    "[",
    "]",
];
