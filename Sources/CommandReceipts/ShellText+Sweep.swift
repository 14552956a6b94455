// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension ShellText {
    /// Removes receipts that nobody will ask for.
    ///
    /// A receipt that is gone reads as "it never ran". Hence the order: the names of the runs are on the disk, under `.swept`, before the first
    /// receipt goes, and every verb looks for them where it finds no receipt.
    static let sweep = ShellText(
        #"""
        # Whether the command of receipt h_e has ended, how it did is written down, and that was long enough ago.
        h_over() {
            h_look
            case $h_state in
            done) [ $((h_now - h_claimed)) -ge "$h_oldest" ] ;;
            rebooted) [ "$h_dot" = . ] ;;
            *) return 1 ;;
            esac
        }
        # Receipts are sorted by name, so those of one run stand together.
        h_list() {
            h_host && h_store && h_raise || return
            h_run= h_found= h_count=0
            for h_e in "$h_s"/*; do
                h_name=${h_e##*/}
                [ "${h_name%%.*}" = "$h_run" ] || { [ -d "$h_e" ] && h_over; } || continue
                [ "${h_name%%.*}" = "$h_run" ] && continue
                h_run=${h_name%%.*}
                h_found="$h_found $h_run"
                h_count=$((h_count + 1))
                [ "$h_count" -lt "$h_most" ] || break
            done
            h_answer stored $h_found
        }
        h_sweep() {
            h_host && h_store && h_raise || return
            h_count=0
            set --
            for h_run in $h_runs; do
                for h_e in "$h_s/$h_run".*; do
                    [ -d "$h_e" ] || continue
                    if [ $# -lt "$h_batch" ] && h_over; then
                        set -- "$@" "${h_e##*/}"
                    else
                        h_count=$((h_count + 1))
                    fi
                done
            done
            [ $# = 0 ] || h_remove "$@" || {
                h_answer refused unwritable "$h_err"
                return
            }
            rm -rf "$h_s"/.gone.*
            h_answer swept $# "$h_count"
        }
        # A receipt goes in one step: half a receipt would be a doubt.
        h_remove() {
            h_err=$(mkdir -p "$h_s/.swept" 2>&1) || return 1
            for h_run in $h_runs; do
                printf '' >"$h_s/.swept/$h_run" || { h_excuse "$h_s/.swept/$h_run"; return 1; }
            done
            h_sync "$h_s/.swept" "$h_s" || return 1
            h_err=$(mkdir "$h_s/.gone.$$" 2>&1 && cd "$h_s" && mv -- "$@" ".gone.$$/" 2>&1) || return 1
            h_forget
        }
        # The names begin with the day on which their run began, so the first are the oldest.
        h_forget() {
            set -- "$h_s/.swept"/*
            [ $# -gt "$h_names" ] || return 0
            h_excess=$(($# - h_names))
            for h_name do
                [ "$h_excess" -gt 0 ] || break
                rm -f "$h_name"
                h_excess=$((h_excess - 1))
            done
            return 0
        }
        """#
    )
}
