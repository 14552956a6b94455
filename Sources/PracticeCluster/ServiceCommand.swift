// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The text of `bin/service`, and of the daemons' scripts that it runs.
///
/// It is the one way in which anything in the lab is started: by `selfheal lab up`, by a runbook over SSH, and by a
/// person. So what a runbook practises is what really happens.
enum ServiceCommand {
    /// How long a daemon may take to end by itself before it is killed, in tenths of a second.
    static let graceTenths = 50

    /// ```
    ///     down ──start──▶ running ──stop: TERM, CONT, wait, KILL──▶ down
    /// ```
    static func text(layout: Layout, programs: Programs) -> String {
        #"""
        #!/bin/sh
        # Stands where systemctl would: starts and stops one service of one practice host.
        #
        #   SELFHEAL_LAB_HOST=zk1 service NAME start|stop|restart|status
        #
        # sshd sets SELFHEAL_LAB_HOST for whoever logs in to a host. 'start' returns when the daemon was launched, not
        # when it serves; starting what runs and stopping what does not are both fine.
        # Exit status: 0 done or running, 1 could not, 2 asked wrongly, 3 not running, 4 no such service, 5 a program is
        # missing.
        set -u

        lab=\#(Shell.quote(layout.folder))
        setsid=\#(Shell.quote(programs.setsid))
        flock=\#(Shell.quote(programs.flock))

        refuse() {
            printf 'service: %s\n' "$2" >&2
            exit "$1"
        }

        # The moment a process began, in clock ticks since boot: with it a pid names one process for ever. Fails for a
        # process that is gone or dead and not yet reaped. The name in parentheses may hold anything, so cut it off.
        began() {
            stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
            set -- ${stat##*) }
            case $1 in Z | X) return 1 ;; esac
            printf '%s' "${20}"
        }

        running() {
            [ -s "$pidfile" ] && read -r pid since <"$pidfile" && [ "$(began "$pid")" = "$since" ]
        }

        start() {
            if running; then
                echo "$name on $host is running (pid $pid)"
                return 0
            fi
            sh "$daemon" check || exit $?
            # Its own session, so that the end of the login that started it does not end it.
            "$setsid" sh "$daemon" run </dev/null >>"$home/log/$name.log" 2>&1 9>&- &
            pid=$!
            since=$(began "$pid") || refuse 1 "$name on $host ended at once; see $home/log/$name.log"
            echo "$pid $since" >"$pidfile.new" && mv "$pidfile.new" "$pidfile" || refuse 1 "cannot write $pidfile"
            echo "$name on $host started (pid $pid)"
        }

        stop() {
            if ! running; then
                rm -f "$pidfile"
                echo "$name on $host is not running"
                return 0
            fi
            # CONT lets a frozen process take its TERM, as systemd does.
            kill -TERM "$pid" 2>/dev/null
            kill -CONT "$pid" 2>/dev/null
            tenths=0
            while running; do
                [ "$tenths" -eq \#(Self.graceTenths) ] && kill -KILL "$pid" 2>/dev/null
                [ "$tenths" -lt \#(Self.graceTenths + 50) ] || refuse 1 "$name on $host (pid $pid) cannot be killed"
                sleep 0.1
                tenths=$((tenths + 1))
            done
            rm -f "$pidfile"
            echo "$name on $host stopped"
        }

        status() {
            if running; then
                echo "$name on $host is running (pid $pid)"
            else
                echo "$name on $host is not running"
                exit 3
            fi
        }

        [ $# -eq 2 ] || refuse 2 'usage: service NAME start|stop|restart|status'
        name=$1
        host=${SELFHEAL_LAB_HOST:-}
        [ -n "$host" ] || refuse 2 'SELFHEAL_LAB_HOST is not set, so this is none of the practice hosts'
        case $host in *[!a-z0-9]*) refuse 2 "'$host' is not a practice host" ;; esac
        case $name in '' | *[!a-z0-9]*) refuse 4 "'$name' is not a service" ;; esac
        home=$lab/hosts/$host
        [ -d "$home" ] || refuse 2 "'$host' is not a practice host"
        daemon=$home/services/$name
        [ -f "$daemon" ] || refuse 4 "$host has no service '$name'"
        pidfile=$home/run/$name.pid

        SELFHEAL_LAB=$lab
        HOME=$home/home
        export SELFHEAL_LAB SELFHEAL_LAB_HOST HOME
        cd "$home" || refuse 1 "cannot enter $home"
        umask 077

        # One caller at a time. The daemon does not inherit the lock, or nobody could stop it.
        exec 9>"$home/run/$name.lock"
        "$flock" 9 || refuse 1 "cannot lock $home/run/$name.lock"

        # What was really asked of the hosts, and when; whoever tests an engine compares what it says with this.
        case $2 in
            start | stop | restart) printf '%s %s %s %s\n' "$(date +%s.%N)" "$host" "$name" "$2" >>"$lab/ledger" ;;
        esac

        case $2 in
            start) start ;;
            stop) stop ;;
            restart) stop && start ;;
            status) status ;;
            *) refuse 2 "'$2' is not one of start, stop, restart, status" ;;
        esac

        """#
    }

    /// A script that becomes the daemon: `check` says whether it could, `run` does.
    static func daemon(
        title: String,
        needs: [(path: String, package: String)],
        command: [String]
    ) -> String {
        let checks = needs.map { path, package in
            """
            [ -r \(Shell.quote(path)) ] || missing \(Shell.quote(path)) \(Shell.quote(package))

            """
        }
        return #"""
            #!/bin/sh
            # \#(title). Run by the service command alone.
            missing() {
                printf 'service: %s is missing; install it with: apt-get install %s\n' "$1" "$2" >&2
                exit 5
            }
            \#(checks.joined())[ "$1" = run ] || exit 0
            exec \#(command.map(Shell.quote).joined(separator: " "))

            """#
    }
}

/// Quoting for POSIX sh.
enum Shell {
    static func quote(_ word: String) -> String {
        "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
