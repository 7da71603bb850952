use std::path::Path;
use std::time::Duration;

use crate::{Format, Log};

const TEXT: &str = "/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=1*/;
/*!50003 SET @OLD_COMPLETION_TYPE=@@COMPLETION_TYPE,COMPLETION_TYPE=0*/;
DELIMITER /*!*/;
# at 4
#261127 20:15:00 server id 1  end_log_pos 126 CRC32 0x5c2fd9b5 \tStart: binlog v 4, server v 8.0.36 created 261127 20:15:00 at startup
ROLLBACK/*!*/;
BINLOG '
lKvhZQ8BAAAAegAAAH4AAAAAAAQAOC4wLjM2
'/*!*/;
# at 126
#261127 20:15:01 server id 1  end_log_pos 235 CRC32 0x00000000 \tQuery\tthread_id=8\texec_time=2\terror_code=0
use `shop`/*!*/;
SET TIMESTAMP=1795810501/*!*/;
SET @@session.sql_mode=1168113696/*!*/;
/*!\\C utf8mb4 *//*!*/;
create table t (
# not a comment of the log
a int);
/*!*/;
# at 235
#261127 20:15:02 server id 1  end_log_pos 300 CRC32 0x00000000 \tQuery\tthread_id=9\texec_time=0\terror_code=0
SET TIMESTAMP=1795810502/*!*/;
insert into t values ('x')
/*!*/;
# at 300
#261127 20:15:03 server id 1  end_log_pos 340 CRC32 0x00000000 \tWrite_rows: table id 90 flags: STMT_END_F
### INSERT INTO `shop`.`t`
### SET
###   @1=1
# at 340
#261127 20:15:03 server id 1  end_log_pos 371 CRC32 0x00000000 \tXid = 12
COMMIT/*!*/;
SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;
DELIMITER ;
# End of log file
/*!50003 SET COMPLETION_TYPE=@OLD_COMPLETION_TYPE*/;
";

#[test]
fn reads_statements_and_counts_events_of_rows() {
    let mut log = Log::from_reader(TEXT.as_bytes(), Path::new("x")).expect("a log");
    assert_eq!(log.format(), Format::Binlog);
    let mut found = Vec::new();
    while let Some(entry) = log.next_entry().expect("an entry") {
        let statement = String::from_utf8_lossy(&entry.statement).into_owned();
        found.push((
            statement,
            entry.connection,
            entry.duration,
            entry.database.map(|name| name.into_owned()),
        ));
    }
    let statements: Vec<&str> = found.iter().map(|(statement, ..)| &**statement).collect();
    assert_eq!(
        statements,
        [
            "ROLLBACK",
            "create table t (\n# not a comment of the log\na int);",
            "insert into t values ('x')",
            "COMMIT"
        ]
    );
    assert_eq!(found[1].1, Some(8));
    assert_eq!(found[1].2, Some(Duration::from_secs(2)));
    assert_eq!(found[2].3.as_deref(), Some("shop"));
    assert_eq!(log.left_out().row_events, 2);
    assert_eq!(log.left_out().cut, 0);
}
