// Selfheal
// SPDX-License-Identifier: Apache-2.0

// The parts of the wrapper every verb needs: framing, the host's clock, its processes, the store and its terms.
//
// All names begin with `h_`: a variable that the login environment happens to export would otherwise reach the command
// changed. Nothing here uses more than POSIX sh, /proc and the handful of small programs every Linux has.

extension ShellText {
    /// Frames: a line feed, the caller's nonce, a word, a line feed.
    ///
    /// The command cannot know the nonce, so nothing it prints can be taken for a frame.
    ///
    /// The first one brings the greeting with it, in one piece: each piece is a packet that wakes everybody on its way. What touches anything
    /// before there is something to say greets first.
    static let framing = ShellText(
        #"""
        h_greeted=
        h_greet() { h_greeted=1; printf '\n%s hello 1\n' "$h_nonce"; }
        h_say() {
            if [ "$h_greeted" ]; then
                printf '\n%s %s\n' "$h_nonce" "$*"
            else
                h_greeted=1
                printf '\n%s hello 1\n\n%s %s\n' "$h_nonce" "$h_nonce" "$*"
            fi
        }
        h_answer() { h_say "answer $*"; }
        """#
    )

    /// Reads the host's clock and its process table without starting a program.
    static let processes = ShellText(
        #"""
        # Centiseconds since boot, time asleep included. Leading zeros would make the number octal.
        h_clock() {
            read -r h_now h_rest </proc/uptime || return 1
            h_now=${h_now%.*}${h_now#*.}
            h_now=${h_now#0}
            h_now=${h_now#0}
            h_now=${h_now:-0}
        }
        # A process name may hold blanks, brackets and line feeds: the fields begin after the last bracket.
        h_stat() {
            h_line=
            { while read -r h_part; do h_line="$h_line $h_part"; done <"/proc/$1/stat"; } 2>/dev/null
            case $h_line in *") "*) ;; *) return 1 ;; esac
            set -- ${h_line##*") "}
            h_mode=$1 h_parent=$2 h_group=$3 h_session=$4
            shift 19
            h_birth=$1
        }
        # Whether process $1, born at tick $2, still lives. Process numbers are used again; births are not.
        h_alive() {
            h_stat "$1" || return 1
            [ "$h_birth" = "$2" ] || return 1
            case $h_mode in Z | X) return 1 ;; esac
        }
        # Puts into h_err what the system says to writing $1; a shell's own printf may keep it to itself.
        h_excuse() {
            h_err=$(cp /proc/uptime "$1" 2>&1)
            rm -f "$1"
            h_err=${h_err:-$1 could not be written}
        }
        # Some sleeps know whole seconds only.
        h_nap() { sleep "${h_tick:-0.1}" || sleep 1; }
        """#
    )

    /// Refuses hosts and login shells on which the promises could not be kept.
    static let host = ShellText(
        #"""
        h_host() {
            if [ "$h_login" ]; then
                case ${SHELL##*/} in
                '' | sh | ash | dash | bash | busybox | ksh* | mksh | lksh | oksh | loksh | pdksh | yash | zsh | posh) ;;
                *) h_answer refused shell "$SHELL"; return 1 ;;
                esac
            fi
            read -r h_boot </proc/sys/kernel/random/boot_id && h_clock && h_stat self || {
                h_answer refused host 'no /proc with boot_id, uptime and stat; receipts need Linux'
                return 1
            }
            h_arrived=$h_now
            command -v setsid >/dev/null || {
                h_answer refused host 'setsid is not installed'
                return 1
            }
            case $h_folder in
            /*) h_s=$h_folder ;;
            *)
                case ${HOME-} in
                /*) h_s=$HOME/$h_folder ;;
                *) h_answer refused host 'HOME is not set'; return 1 ;;
                esac
                ;;
            esac
        }
        """#
    )

    /// Opens the store and holds the fence.
    ///
    /// A term is a file whose *name* is the number, and the current one is the highest: raising it needs no lock and
    /// cannot lower it. The term before is kept, so that a reader whose listing misses the newest still sees that one.
    static let store = ShellText(
        #"""
        # Says $h_lack when the store is not the one the caller knows.
        h_store() {
            h_found=missing
            [ -d "$h_s/.terms" ] && read -r h_found <"$h_s/.incarnation"
            if [ "$h_found" = missing ] && [ "$h_create" ]; then
                h_make || return 1
            fi
            case $h_found in
            missing) h_answer "$h_lack" store missing; return 1 ;;
            "${h_incarnation:-$h_found}") h_say "store $h_found $h_boot $h_now" ;;
            *) h_answer "$h_lack" store "$h_found"; return 1 ;;
            esac
        }
        # Two may come here at once: a hard link gives the file its whole content or none, and to one of them only.
        h_make() {
            h_greet
            h_err=$(
                umask 077
                mkdir -p "$h_s/.terms" 2>&1 && chmod 700 "$h_s" 2>&1
            ) && read -r h_found </proc/sys/kernel/random/uuid &&
                printf '%s\n' "$h_found" >"$h_s/.new.$$" && read -r h_rest <"$h_s/.new.$$" && [ "$h_rest" = "$h_found" ] && {
                h_err=$(ln "$h_s/.new.$$" "$h_s/.incarnation" 2>&1)
                rm -f "$h_s/.new.$$"
                read -r h_found <"$h_s/.incarnation"
            } && h_sync "$h_s/.incarnation" "$h_s" "$h_s/.." && return
            [ "$h_err" ] || h_excuse "$h_s/.new.$$"
            h_answer refused unwritable "$h_err"
            return 1
        }
        # Syncs the named files; an old or small sync knows only the whole machine.
        h_sync() {
            h_err=$(sync "$@" 2>&1) && return
            case $h_err in
            *sage:* | *nvalid* | *ption* | *rgument* | *perand*) sync && h_err= ;;
            *) return 1 ;;
            esac
        }
        h_highest() {
            h_top=0
            for h_t in "$h_s/.terms"/*; do
                h_t=${h_t##*/}
                case $h_t in *[!0-9]*) continue ;; esac
                [ "$h_t" -gt "$h_top" ] && h_top=$h_t
            done
        }
        # Refuses an older term; remembers a newer one before anything is done or answered in its name.
        h_raise() {
            h_highest
            [ "$h_top" -gt "$h_term" ] && { h_answer refused term "$h_top"; return 1; }
            [ -e "$h_s/.terms/$h_term" ] && return
            h_old=
            for h_t in "$h_s/.terms"/*; do
                h_t=${h_t##*/}
                case $h_t in *[!0-9]*) continue ;; esac
                [ "$h_t" -lt "$h_top" ] && h_old="$h_old $h_t"
            done
            h_err=
            printf '' >"$h_s/.terms/$h_term" && h_sync "$h_s/.terms" || {
                [ "$h_err" ] || h_excuse "$h_s/.terms/$h_term"
                h_answer refused unwritable "$h_err"
                return 1
            }
            [ "$h_old" ] && (cd "$h_s/.terms" && rm -f $h_old)
            return 0
        }
        """#
    )
}
