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
                h_gone && return
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
}
