// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A look at a member's disk, as a script for the member's own shell.
///
/// Needs `sh`, `ls`, `dd`, `tr`, `od`, `sort`, `head` and `base64`, which coreutils and busybox both have; neither Java nor
/// anything of ours has to be on the host. It only reads. A log is preallocated with zeros, so the script looks for the last
/// block that holds anything by bisection, and sends that much of the log, or its last part if it is long.
///
/// Every failed command leads to a `problem` line, and the output ends in `done`: without that, and with any problem, the
/// state of the disk stays unknown.
package enum DiskStateScript {
    /// More output than this is never produced; a caller that limits what it reads needs at least as much.
    package static let outputLimit = 3 << 20

    /// What the script prints first; the number changes with the format.
    static let banner = "selfheal-zookeeper-disk 1"
    /// How many of the newest logs and snapshots are looked into.
    static let newestLimit = 3

    /// The data directory and the log directory, in this order, as in `zoo.cfg`: without `version-2`.
    ///
    /// They are passed as arguments, never put into the text.
    package static func arguments(dataDirectory: String, logDirectory: String? = nil) -> [String] {
        [dataDirectory, logDirectory ?? dataDirectory]
    }

    /// POSIX sh; run as `sh -s DATA LOG` with this on standard input, or `sh -c TEXT sh DATA LOG`.
    package static let text = #"""
        LC_ALL=C
        export LC_ALL
        data=$1
        logs=$2
        block=65536
        log_blocks=17
        whole_snapshot=131072

        problem() {
            printf 'problem %s\n' "$*"
        }

        # Says "absent" only of what is seen to be absent; the caller has looked at the parent.
        state_of() {
            if [ -d "$1" ]; then
                if [ -r "$1" ] && [ -x "$1" ]; then echo ok; else echo unreadable; fi
            elif [ -e "$1" ] || [ -L "$1" ]; then
                echo not-a-directory
            else
                echo absent
            fi
        }

        # The first bytes of a small text file, without anything that could break a line.
        small_text() {
            [ -e "$2" ] || [ -L "$2" ] || return 0
            if [ -f "$2" ] && [ -r "$2" ] && content=$(dd if="$2" bs=64 count=1 2>/dev/null); then
                printf '%s %s\n' "$1" "$(printf '%s' "$content" | tr -c '!-~' '?')"
            else
                problem "cannot read $1"
            fi
        }

        # The files of a long listing on standard input whose names are $1, a dot and a zxid: newest first, with sizes.
        newest_first() {
            while read -r mode _ _ _ size _ _ _ name; do
                case $mode/$name in
                -*/"$1".*) zxid=${name#"$1".} ;;
                *) continue ;;
                esac
                plain=${zxid%.gz}
                plain=${plain%.snappy}
                case $plain in
                '' | *[!0-9a-f]*) continue ;;
                esac
                printf '%s %s %s\n' "${#plain}" "$name" "$size"
            done | sort -k 1,1nr -k 2,2r
        }

        # Whether any byte of $3 blocks from block $2 on is not zero. A failed read counts as data: it is found out later.
        has_data() {
            found=$({ dd if="$1" bs=$block skip="$2" count="$3" 2>/dev/null || printf x; } 2>/dev/null |
                tr -d '\000' | od -A n -N 1 -t x1)
            [ -n "$found" ]
        }

        # The number of blocks up to the last one that holds data.
        used_blocks() {
            low=0
            high=$((($2 + block - 1) / block))
            while [ "$low" -lt "$high" ]; do
                middle=$(((low + high) / 2))
                if has_data "$1" "$middle" $((high - middle)); then
                    low=$((middle + 1))
                else
                    high=$middle
                fi
            done
            printf '%s' "$high"
        }

        # bytes KIND NAME OFFSET LENGTH, then base64, then end.
        send_bytes() {
            printf 'bytes %s %s %s %s\n' "$1" "$2" "$4" "$5"
            if [ "$5" -gt 0 ]; then
                tail -c +$(($4 + 1)) "$3" 2>/dev/null | head -c "$5" | base64 || problem "cannot read $2"
            fi
            echo end
        }

        send_log() {
            size=$3
            blocks=$(used_blocks "$2/$1" "$size")
            first=0
            [ "$blocks" -gt "$log_blocks" ] && first=$((blocks - log_blocks))
            length=$(((blocks - first) * block))
            [ $((first * block + length)) -gt "$size" ] && length=$((size - first * block))
            [ "$first" -eq 0 ] && [ "$length" -lt 16 ] && [ "$size" -ge 16 ] && length=16
            send_bytes log "$1" "$2/$1" $((first * block)) "$length"
            # A log that holds only its header sends us on to the one before.
            [ "$blocks" -gt 1 ] && enough=yes
            [ -n "$(dd if="$2/$1" bs=16 skip=1 count=4 2>/dev/null | tr -d '\000' | od -A n -N 1 -t x1)" ] && enough=yes
        }

        send_snapshot() {
            size=$3
            if [ "$size" -le "$whole_snapshot" ]; then
                send_bytes snapshot "$1" "$2/$1" 0 "$size"
            else
                send_bytes snapshot "$1" "$2/$1" 0 64
                send_bytes snapshot "$1" "$2/$1" $((size - 64)) 64
            fi
        }

        # Lists what is of kind $1 in $2, and sends the newest.
        look_into() {
            if ! listing=$(ls -lnAL "$2" 2>/dev/null); then
                problem "cannot list $2"
                return
            fi
            sorted=$(printf '%s\n' "$listing" | newest_first "$1")
            [ -n "$sorted" ] || return 0
            printf '%s\n' "$sorted" | {
                count=0
                enough=no
                while read -r _ name size; do
                    count=$((count + 1))
                    [ "$count" -le 100 ] && printf '%s %s %s\n' "$1" "$name" "$size"
                    if [ "$count" -le 3 ] && [ "$enough" = no ]; then
                        [ -r "$2/$name" ] || problem "cannot read $name"
                        "send_$1" "$name" "$2" "$size"
                    fi
                done
                printf 'count %s %s\n' "$1" "$count"
            }
        }

        echo 'selfheal-zookeeper-disk 1'
        for tool in ls dd tr od sort head tail base64; do
            command -v "$tool" >/dev/null 2>&1 || problem "the host has no $tool"
        done
        data_state=$(state_of "$data")
        log_state=$(state_of "$logs")
        printf 'directory data %s\ndirectory log %s\n' "$data_state" "$log_state"
        if [ "$data_state" = ok ] && [ "$log_state" = ok ]; then
            small_text myid "$data/myid"
            [ -e "$data/initialize" ] && echo 'initialize data'
            [ -e "$logs/initialize" ] && echo 'initialize log'
            data_state=$(state_of "$data/version-2")
            log_state=$(state_of "$logs/version-2")
            printf 'directory data-version-2 %s\ndirectory log-version-2 %s\n' "$data_state" "$log_state"
            if [ "$data_state" = ok ]; then
                small_text currentEpoch "$data/version-2/currentEpoch"
                small_text acceptedEpoch "$data/version-2/acceptedEpoch"
                [ -e "$data/version-2/currentEpoch.tmp" ] && echo 'unfinished currentEpoch'
                look_into snapshot "$data/version-2"
            fi
            [ "$log_state" = ok ] && look_into log "$logs/version-2"
        fi
        echo 'done'
        """#
}
