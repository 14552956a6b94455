// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension ShellText {
    static let open = ShellText(
        #"""
        h_open() {
            h_host && h_store && h_raise && h_answer opened
        }
        """#
    )

    /// Answers what became of an effect.
    ///
    /// With `h_sealing`, an effect that was never claimed gets a folder that says so: a start that is still on its way
    /// finds the door closed, and "never" stays true.
    static let ask = ShellText(
        #"""
        h_ask() {
            h_host && h_store && h_raise || return
            h_e=$h_s/$h_effect
            h_settle
            if [ "$h_state" = never ]; then
                [ "$h_aged" ] && [ -e "$h_s/.swept" ] && { h_answer doubt swept; return; }
                [ "$h_sealing" ] && {
                    h_err=$(mkdir -m 700 "$h_e" 2>&1) || [ -d "$h_e" ] || {
                        h_answer refused unwritable "$h_err"
                        return
                    }
                    h_seal asked
                    h_settle
                }
            fi
            h_outputs
            h_report
        }
        """#
    )

    /// Waits for the end, sending output from where the caller left off.
    static let attach = ShellText(
        #"""
        h_attach() {
            h_host && h_store && h_raise || return
            h_e=$h_s/$h_effect
            h_follow
            h_outputs
            h_report
        }
        """#
    )

    /// Removes receipts nobody will ask for.
    ///
    /// Age is told by the host's uptime alone. A receipt from before the last boot is at least as old as the machine is up;
    /// its date is not believed, because a clock that was set forward would make a young receipt look old, and a receipt
    /// that is gone reads as "never".
    static let sweep = ShellText(
        #"""
        h_sweep() {
            h_host && h_store && h_raise || return
            h_count=0 h_old=
            for h_e in "$h_s"/*; do
                [ -d "$h_e" ] || continue
                h_count=$((h_count + 1))
                h_look
                case $h_state in done | sealed | rebooted | lost | stuck) ;; *) continue ;; esac
                h_name=${h_e##*/}
                h_age=$h_now
                [ "$h_cboot" = "$h_boot" ] && h_age=$((h_now - h_claimed))
                case " $h_settled " in
                *" $h_name "*) h_age=$h_oldest ;;
                *) [ "$h_age" -ge "$h_youngest" ] || continue ;;
                esac
                h_old="$h_old$h_age $h_name
        "
            done
            h_excess=$((h_count - h_most))
            h_gone=$(
                printf '%s' "$h_old" | sort -rn | {
                    h_n=0
                    while read -r h_age h_name; do
                        [ "$h_age" -ge "$h_oldest" ] || [ "$h_n" -lt "$h_excess" ] || break
                        [ "$h_n" -lt "$h_batch" ] || break
                        h_n=$((h_n + 1))
                        printf '%s\n' "$h_name"
                    done
                }
            )
            set -- $h_gone
            [ $# = 0 ] || {
                # A receipt goes in one step; half a receipt would be a doubt.
                h_e=$h_s/.gone.$$
                h_err=$(printf '' 2>&1 >"$h_s/.swept" && mkdir "$h_e" 2>&1 && cd "$h_s" && mv -- "$@" "$h_e/" 2>&1) || {
                    h_answer refused unwritable "$h_err"
                    return
                }
            }
            rm -rf "$h_s"/.gone.* "$h_s"/.new.*
            h_answer swept $# $((h_count - $#))
        }
        """#
    )
}
