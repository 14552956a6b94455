// Selfheal
// SPDX-License-Identifier: Apache-2.0

// What one receipt says, and how its output is sent.
//
//     claim       v1 claimed TERM BOOT UPTIME PID BIRTH .        who claimed it
//     pid         v1 SUPERVISOR BIRTH LEADER BIRTH WATCHER .     written right before the command starts;
//                 v1 sealed WHY BOOT UPTIME 0 .                  or by somebody who wants that it does not
//     own.N       the same line, before process N tried to give it that name
//     out, err    what the command printed; `.head` and `.tail` appear beside them once they have been cut
//     stop        v1 timeout|stopped UPTIME GRACE .              the end was asked for
//     stuck       the session survived KILL
//     .swept/RUN  beside the receipts: some of that run are gone, because it has ended
//     status      v1 CODE exited|timeout|stopped UPTIME .        arrives by rename
//
// The folder decides who may start the command, and `pid` decides whether it starts: whoever wants it not to can take that
// name first, and then "never" is not an observation but a decision. The full stop tells a whole line from a torn one:
// between creating a file and writing to it a busy disk can keep a process for long, and connections are cut just then.

extension ShellText {
    /// Creates a line of the receipt, or fails because it is there.
    static let taking = ShellText(
        #"""
        h_take() {
            set -C
            printf '%s .\n' "$2" >"$h_e/$1"
            h_took=$?
            set +C
            return $h_took
        }
        # Creates `pid` with its line in it, or not at all: everything hangs on what it says.
        h_own() {
            printf '%s .\n' "$1" >"$h_e/own.$$" && ln "$h_e/own.$$" "$h_e/pid"
        }
        # Nobody will read its input any more, and there may be secrets in it.
        h_seal() { h_own "v1 sealed $1 $h_boot $h_now 0" && rm -f "$h_e/in"; }
        """#
    )

    static let receipt = ShellText(
        #"""
        h_status() {
            h_code= h_how= h_dot=
            [ -e "$h_e/status" ] && read -r h_v h_code h_how h_at h_dot <"$h_e/status"
            [ "$h_dot" = . ]
        }
        # Sets h_state. Whether anyone lives is asked before the status is read: the status is written before they go.
        h_look() {
            h_why= h_claimed= h_code= h_begun= h_living= h_dot=
            [ -d "$h_e" ] || { h_state=never; return; }
            h_state=torn
            if [ -e "$h_e/pid" ]; then
                read -r h_v h_boss h_bossbirth h_lead h_leadbirth h_watcher h_dot <"$h_e/pid"
                [ "$h_dot" = . ] || return 0
                [ "$h_boss" = sealed ] && {
                    h_state=sealed h_why=$h_bossbirth h_cboot=$h_lead h_claimed=$h_leadbirth
                    return
                }
                h_begun=1 h_dot=
            fi
            [ -e "$h_e/claim" ] && read -r h_v h_kind h_cterm h_cboot h_claimed h_cpid h_cbirth h_dot <"$h_e/claim"
            [ "$h_dot" = . ] || return 0
            [ "$h_cboot" = "$h_boot" ] || { h_status; h_state=rebooted; return; }
            if [ "$h_begun" ]; then
                h_alive "$h_boss" "$h_bossbirth" && h_living=1
                h_alive "$h_lead" "$h_leadbirth" && h_living=1
            elif h_alive "$h_cpid" "$h_cbirth"; then
                h_living=1
            elif [ -e "$h_e/pid" ]; then
                # It came between the two looks.
                h_look
                return
            else
                h_state=abandoned
                return
            fi
            if [ -e "$h_e/stuck" ]; then
                h_state=stuck
            elif h_status; then
                h_state=done
            elif [ "$h_living" ]; then
                h_state=running
            else
                h_state=lost
            fi
        }
        # Looks until there is an answer. What is half written is given two seconds; then the start is taken from it.
        h_settle() {
            h_tries=0
            while :; do
                h_look
                case $h_state in
                torn) [ "$h_tries" != 20 ] || h_seal unclaimed ;;
                abandoned) h_seal lost ;;
                *) return ;;
                esac
                [ "$h_tries" -lt 40 ] || return
                h_tries=$((h_tries + 1))
                h_nap
            done
        }
        # Whether receipts of the effect's run have been swept here.
        h_swept() { [ -e "$h_s/.swept/${h_effect%%.*}" ]; }
        # Where no receipt is: answers when that proves nothing.
        h_gone() {
            [ "$h_aged" ] || h_swept || return 1
            h_answer doubt swept
        }
        h_report() {
            case $h_state in
            never) h_answer never no ;;
            sealed) h_answer never "$h_why" ;;
            running) h_clock; h_answer running $((h_now - h_claimed)) ;;
            done) h_answer done "$h_code" "$h_how" ;;
            rebooted) h_answer doubt rebooted "$h_code" ;;
            *) h_answer doubt "$h_state" ;;
            esac
        }
        """#
    )

    /// Sends output: the first `h_keep` bytes of each stream as they come, and at the end the last `h_keep` of the rest.
    static let output = ShellText(
        #"""
        h_size() { h_bytes=0; [ -s "$1" ] && h_bytes=$(($(wc -c <"$1"))); }
        h_emit() {
            h_f=$h_e/$1
            [ -e "$h_f.head" ] && h_f=$h_f.head
            h_size "$h_f"
            [ "$h_bytes" -gt "$h_keep" ] && h_bytes=$h_keep
            eval "h_sent=\$h_sent_$1"
            [ "$h_bytes" -gt "$h_sent" ] || return 0
            h_say "$1"
            if [ "$h_sent" = 0 ]; then
                head -c "$h_bytes" "$h_f"
            else
                tail -c "+$((h_sent + 1))" "$h_f" | head -c "$((h_bytes - h_sent))"
            fi
            # Behind a line's end whoever listens waits for our mark: without one, a command's last line shows when it ends.
            h_say "$1"
            eval "h_sent_$1=$h_bytes"
            # It was cut while we read it, so what we sent may be anything: begin again from the part that stays.
            [ "$h_f" = "$h_e/$1" ] && [ -e "$h_f.head" ] && {
                h_say "restart $1"
                eval "h_sent_$1=0"
                h_emit "$1"
            }
            return 0
        }
        h_finish() {
            h_emit "$1"
            h_f=$h_e/$1
            if [ -e "$h_f.head" ]; then
                h_say "gap $1"
                cat "$h_f.tail" "$h_f" | tail -c "$h_keep"
            else
                h_size "$h_f"
                [ "$h_bytes" -gt "$h_keep" ] || return 0
                if [ "$((h_bytes - h_keep))" -le "$h_keep" ]; then
                    h_say "$1"
                    h_from=$h_keep
                    eval "[ \$h_sent_$1 -gt $h_keep ] && h_from=\$h_sent_$1"
                    tail -c "+$((h_from + 1))" "$h_f" | head -c "$h_keep"
                else
                    h_say "gap $1"
                    tail -c "$h_keep" "$h_f"
                fi
            fi
        }
        # Every look costs a few small programs: what lasts longer than two seconds is looked at less often.
        h_slower() {
            h_looks=$((h_looks + 1))
            [ "$h_looks" = 20 ] && h_tick=0.5
        }
        h_wipe() {
            [ -z "$h_wiping" ] || rm -f "$h_e/out" "$h_e/out.head" "$h_e/out.tail" "$h_e/err" "$h_e/err.head" "$h_e/err.tail"
        }
        # Sends output until the command is over or patience is.
        h_follow() {
            h_clock
            h_until=$((h_now + h_patience))
            h_seen= h_looks=0
            while h_settle; [ "$h_state" = running ] && [ "$h_now" -lt "$h_until" ]; do
                h_seen=1
                [ "$h_keep" -gt 0 ] && { h_emit out; h_emit err; }
                h_slower
                h_nap
                h_clock
            done
            h_tick=
            [ "$h_seen" ] && [ "$h_state" = never ] && h_state=receipt
        }
        h_outputs() {
            [ "$h_keep" -gt 0 ] || return 0
            case $h_state in
            done | lost | stuck | rebooted) h_finish out; h_finish err; h_wipe ;;
            running) h_emit out; h_emit err ;;
            esac
        }
        """#
    )
}
