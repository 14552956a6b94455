// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension ShellText {
    /// Ends every process of a session: TERM, a grace, KILL, and a look that they are gone.
    ///
    /// The session rather than the process group, because a shell with job control gives its children groups of their own.
    /// A daemon that made a session for itself is not found, and is meant not to be: it belongs to the host.
    static let ending = ShellText(
        #"""
        # Sets h_left to the live members of session $1, whose leader was born at tick $2.
        h_members() {
            h_left=
            # The number is in use as a session while it has members; another birth means that ours has none.
            h_stat "$1" && [ "$h_birth" != "$2" ] && return
            for h_p in /proc/[0-9]*; do
                h_p=${h_p#/proc/}
                h_stat "$h_p" || continue
                [ "$h_session" = "$1" ] || continue
                case $h_mode in Z | X) continue ;; esac
                h_left="$h_left $h_p"
                [ "$h_group" = "$1" ] || h_strays="$h_strays $h_p"
            done
        }
        # Session $1, its leader's birth $2, grace $3 in centiseconds. Succeeds once nobody is left.
        h_end_session() {
            h_strays=
            h_members "$1" "$2"
            [ "$h_left" ] || return 0
            kill -s TERM -- "-$1"
            for h_p in $h_strays; do kill -s TERM "$h_p"; done
            # A stopped process acts on TERM only once it goes on.
            for h_p in $h_left; do kill -s CONT "$h_p"; done
            h_clock
            h_until=$((h_now + $3))
            while h_members "$1" "$2"; [ "$h_left" ] && [ "$h_now" -lt "$h_until" ]; do
                h_nap
                h_clock
            done
            h_until=$((h_now + 500))
            while [ "$h_left" ] && [ "$h_now" -lt "$h_until" ]; do
                kill -s KILL $h_left
                h_nap
                h_members "$1" "$2"
                h_clock
            done
            [ -z "$h_left" ]
        }
        """#
    )

    /// Asks the watcher to end the command, and does it itself where there is none.
    static let stop = ShellText(
        #"""
        h_stop() {
            h_host && h_store && h_raise || return
            h_e=$h_s/$h_effect
            [ -e "$h_e" ] || ! h_gone || return
            [ -e "$h_e" ] || h_err=$(mkdir -m 700 "$h_e" 2>&1)
            # Until it starts, a stop can still take the start away.
            [ -e "$h_e/pid" ] || h_seal stopped
            h_settle
            [ "$h_state" = running ] && {
                h_clock
                h_take stop "v1 stopped $h_now $h_grace"
                h_nudge || { h_unwatched && return; }
                h_follow
            }
            h_outputs
            case $h_state in
            running) h_answer doubt alive ;;
            never) h_answer refused unwritable "$h_err" ;;
            *) h_report ;;
            esac
        }
        h_nudge() {
            h_stat "$h_watcher" && [ "$h_parent" = "$h_boss" ] && kill -s USR1 "$h_watcher"
        }
        # Supervisor and watcher were killed, the command was not: end it, though nobody will record how.
        h_unwatched() {
            h_alive "$h_boss" "$h_bossbirth" && return 1
            if h_end_session "$h_lead" "$h_leadbirth" "$h_grace"; then
                h_answer doubt lost
            else
                h_answer doubt alive
            fi
        }
        """#
    )
}
