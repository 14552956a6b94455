// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension ShellText {
    /// Claims the effect and starts the command.
    ///
    /// The order is the whole point. The term is written before the claim and read again after it: of two engines that
    /// race, either the older sees the newer term, or the newer sees the older's claim. The claim is on the disk before the
    /// command starts, so that a host which loses its power cannot forget it. Time and term are looked at last, because the
    /// disk may have taken long.
    static let start = ShellText(
        #"""
        h_start() {
            h_host && h_store && h_raise || return
            h_e=$h_s/$h_effect
            if [ ! -e "$h_e" ]; then
                # A run of which receipts were swept has ended: who comes with it now is late.
                h_swept && { h_answer refused sealed swept; return; }
                h_spent && { h_answer refused budget; return; }
                [ -z "$h_directory" ] || CDPATH= cd "$h_directory" >/dev/null || {
                    h_answer refused directory "$(cd "$h_directory" 2>&1)"
                    return
                }
                if h_claim; then
                    h_launch
                    return
                elif [ "$h_refused" ]; then
                    return
                fi
            fi
            h_follow
            h_outputs
            case $h_state in
            sealed) h_answer refused sealed "$h_why" ;;
            never) h_answer doubt receipt ;;
            *) h_report ;;
            esac
        }
        # The budget counts from our arrival on the host's own clock; a deadline on that clock covers the way here, too.
        h_spent() {
            h_clock
            h_end=$((h_arrived + h_budget))
            if [ "$h_deadline" ]; then
                [ "$h_deadlineboot" = "$h_boot" ] || return 0
                [ "$h_deadline" -lt "$h_end" ] && h_end=$h_deadline
            fi
            [ "$h_now" -ge "$h_end" ]
        }
        # Fails with h_refused when it has answered, and without when somebody else's claim is there.
        h_claim() {
            h_refused=
            mkdir -m 700 "$h_e" || {
                [ -d "$h_e" ] && return 1
                h_err=$(mkdir -m 700 "$h_e" 2>&1)
            } || {
                [ -d "$h_e" ] && return 1
                h_refused=1
                h_answer refused unwritable "$h_err"
                return 1
            }
            h_stat "$$"
            h_take claim "v1 claimed $h_term $h_boot $h_arrived $$ $h_birth"
            h_cpid= h_dot=
            read -r h_v h_kind h_cterm h_cboot h_claimed h_cpid h_cbirth h_dot <"$h_e/claim"
            [ "$h_dot" = . ] && [ "$h_cpid" != "$$" ] && return 1
            # The status gets its room now: a disk that fills up later cannot take it away.
            h_err=
            [ "$h_dot" = . ] && printf '%-63s\n' . >"$h_e/status.new" && h_input &&
                h_sync "$h_e/claim" "$h_e" "$h_s" && return
            h_refused=1
            [ "$h_err" ] || h_excuse "$h_e/status.new"
            rm -rf "$h_e"
            h_answer refused unwritable "$h_err"
            return 1
        }
        # Takes the last chance to say no.
        h_launch() {
            h_highest
            h_why=
            h_spent && h_why=budget
            [ "$h_top" -gt "$h_term" ] && h_why=term
            [ "$h_why" ] && h_seal "$h_why" && {
                rm -f "$h_e/in" "$h_e/status.new"
                case $h_why in
                term) h_answer refused term "$h_top" ;;
                budget) h_answer refused budget ;;
                esac
                return
            }
            h_watched
            # Never "never" and never "running" from here: we saw it start and saw its supervisor go.
            [ -e "$h_e/pid" ] || h_seal launch
            h_settle
            case $h_state in
            sealed) h_answer refused sealed "$h_why" ;;
            never) h_answer doubt receipt ;;
            *) h_report ;;
            esac
        }
        # Runs the supervisor in the foreground: a shell starts what it puts in the background deaf to INT and QUIT.
        # Output is sent by a process of our own meanwhile, which is told to finish by TERM.
        h_watched() {
            if [ "$h_keep" -gt 0 ]; then
                trap '' TERM
                h_stream &
                h_streamer=$!
                trap - TERM
            fi
            h_environment
            h_command setsid sh -c 'eval "$SELFHEAL_SUPERVISE"' "selfheal-$h_effect" \
                "$h_e" "$h_keep" "$h_end" "$h_grace"
            [ "$h_keep" -gt 0 ] || return
            if [ -e "$h_e/status" ]; then
                kill -s TERM "$h_streamer"
                wait "$h_streamer"
                h_wipe
            else
                kill -s KILL "$h_streamer"
                wait "$h_streamer"
                h_say 'restart out'
                h_say 'restart err'
                h_settle
                h_outputs
            fi
        }
        h_stream() {
            h_over= h_looks=0 h_tick=0.1
            trap 'h_over=1' TERM
            until [ "$h_over" ] || [ -e "$h_e/status" ] || [ ! -e "/proc/$$" ]; do
                sleep "$h_tick" >/dev/null &
                wait "$!" || [ "$h_over" ] || h_tick=1 h_looks=20
                h_slower
                h_emit out
                h_emit err
            done
            h_finish out
            h_finish err
        }
        """#
    )

    /// Outlives the connection: runs the command in a session of its own, keeps time, and records the end.
    ///
    /// Arguments: the receipt's folder, bytes kept per stream, the end on the host's clock, the grace, then the command.
    static let supervise = ShellText(
        #"""
        unset SELFHEAL_SUPERVISE
        h_e=$1 h_keep=$2 h_end=$3 h_grace=$4
        shift 4
        [ -e "$h_e/in" ] && exec <"$h_e/in" && rm -f "$h_e/in"
        # Until the watcher has set its trap, a nudge must not kill it.
        trap '' USR1
        h_watch &
        h_watcher=$!
        trap - USR1
        setsid sh -c 'eval "$SELFHEAL_RUN"' selfheal "$h_e" "$h_watcher" "$@" 3>>"$h_e/out" 4>>"$h_e/err"
        h_code=$?
        h_boss=
        [ -e "$h_e/pid" ] && read -r h_v h_boss h_bossbirth h_lead h_leadbirth h_rest <"$h_e/pid"
        [ "$h_boss" = "$$" ] || { kill -s KILL "$h_watcher"; exit 1; }
        h_how=exited
        if [ -e "$h_e/stop" ]; then
            # The watcher is ending the session; a status means that it is gone.
            wait "$h_watcher"
            h_ended=$?
            h_read_stop
            [ "$h_ended" = 0 ] || h_end_session "$h_lead" "$h_leadbirth" "$h_grace" || printf '' >"$h_e/stuck"
        else
            # KILL, because whoever started us may have left TERM blocked. Its last sleep goes by itself.
            kill -s KILL "$h_watcher"
        fi
        h_clock
        printf '%-63s\n' "v1 $h_code $h_how $h_now ." 1<>"$h_e/status.new" && mv -f "$h_e/status.new" "$h_e/status"
        """#
    )

    /// Keeps time beside the supervisor and cuts output that grows too large, once a second.
    static let watch = ShellText(
        #"""
        h_watch() {
            h_cap=$((h_keep * 8 + 65536))
            while :; do
                # A signal that arrives while `read` works makes it fail, so nudges are heard during the sleep alone.
                trap '' USR1
                h_clock
                h_left=$((h_end - h_now))
                [ "$h_left" -gt 0 ] || [ -e "$h_e/stop" ] || h_take stop "v1 timeout $h_now $h_grace"
                trap ':' USR1
                [ -e "$h_e/stop" ] && break
                case $h_left in
                ?) sleep "0.0$h_left" & ;;
                ??) sleep "0.$h_left" & ;;
                *) sleep 1 & ;;
                esac
                wait "$!"
                h_slept=$?
                trap '' USR1
                [ "$h_slept" = 0 ] || [ "$h_slept" -gt 128 ] || sleep 1
                h_trim out
                h_trim err
                # Without its supervisor the command still has its time, and no more than that.
                h_stat "$$" || { read -r h_v h_boss h_bossbirth h_lead h_leadbirth h_rest <"$h_e/pid" &&
                    h_alive "$h_lead" "$h_leadbirth"; } || exit
            done
            trap '' USR1
            # Not started yet: then it shall not.
            read -r h_boot </proc/sys/kernel/random/boot_id
            [ -e "$h_e/pid" ] || ! h_seal budget || exit
            h_tries=0 h_dot=
            until read -r h_v h_boss h_bossbirth h_lead h_leadbirth h_rest h_dot <"$h_e/pid"; [ "$h_dot" = . ]; do
                [ "$h_tries" -lt 20 ] || exit
                h_tries=$((h_tries + 1))
                h_nap
            done
            [ "$h_boss" = sealed ] && exit 0
            h_read_stop
            h_end_session "$h_lead" "$h_leadbirth" "$h_grace" && exit 0
            printf '%s\n' "$h_left" >"$h_e/stuck"
            # The supervisor waits for a process that does not die; nobody should wait for the supervisor.
            h_alive "$h_lead" "$h_leadbirth" && kill -s KILL "$$"
            exit 0
        }
        # Whoever asked for the end may be about to write why.
        h_read_stop() {
            h_tries=0 h_dot= h_default=$h_grace
            until read -r h_v h_how h_at h_grace h_dot <"$h_e/stop"; [ "$h_dot" = . ]; do
                [ "$h_tries" -lt 20 ] || { h_how=stopped h_grace=$h_default; return; }
                h_tries=$((h_tries + 1))
                h_nap
            done
        }
        # The command appends, so cutting its file to nothing is safe; it never sees a signal for it.
        h_trim() {
            h_f=$h_e/$1
            [ -s "$h_f" ] && [ "$(($(wc -c <"$h_f")))" -gt "$h_cap" ] || return 0
            [ -e "$h_f.head" ] || { head -c "$h_keep" "$h_f" >"$h_f.new" && mv -f "$h_f.new" "$h_f.head"; }
            tail -c "$h_keep" "$h_f" >"$h_f.new" && mv -f "$h_f.new" "$h_f.tail"
            printf '' >"$h_f"
        }
        """#
    )

    /// Becomes the command, after writing down which process that is.
    ///
    /// Arguments: the receipt's folder, the watcher, then the command. The environment's values come in as
    /// `SELFHEAL_1`, `SELFHEAL_2` … and take their own names only here, where they cannot disturb the wrapper.
    static let run = ShellText(
        #"""
        unset SELFHEAL_RUN
        h_e=$1 h_watcher=$2
        shift 2
        h_stat "$PPID"
        h_bossbirth=$h_birth
        h_stat "$$"
        h_own "v1 $PPID $h_bossbirth $$ $h_birth $h_watcher" || exit 1
        """#
    )

    static let runEnd = ShellText(#"exec "$@" >&3 2>&4 3>&- 4>&-"#)
}
