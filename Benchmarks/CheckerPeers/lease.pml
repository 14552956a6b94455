/* The model of LeaseModel.swift for spin: two healers share brokers through a lease with epochs, and brokers fence by epoch.
 *   -DB=brokers -DE=epochs -DF=faults of brokers -DC=crashes of healers
 * One process of guarded commands, so that a state is exactly a valuation of these variables, and every checker counts the same number. */
#define UP 0
#define DOWN 1
#define RESTARTING 2
#define IDLE 0
#define LEADER 1
#define CHOSEN 2
#define SENT 3
#define NOBODY 2

byte mode[B], fence[B];
byte role[2], epoch_of[2], target[2];
/* The command under way of each healer: its broker plus one, or 0, and its epoch. */
byte sent_to[2], sent_epoch[2];
byte holder = NOBODY, epoch, faults, crashes;

#define HEALER(h) \
  :: d_step { role[h] == IDLE && holder == NOBODY && epoch < E -> \
       epoch++; holder = h; epoch_of[h] = epoch; role[h] = LEADER } \
  :: d_step { holder == h -> holder = NOBODY } \
  :: d_step { role[h] == LEADER && holder != h -> role[h] = IDLE; epoch_of[h] = 0; target[h] = 0 } \
  :: d_step { role[h] == CHOSEN && sent_to[h] == 0 -> \
       sent_to[h] = target[h] + 1; sent_epoch[h] = epoch_of[h]; role[h] = SENT } \
  :: d_step { sent_to[h] != 0 -> \
       if \
       :: sent_epoch[h] >= fence[sent_to[h] - 1] -> \
            fence[sent_to[h] - 1] = sent_epoch[h]; mode[sent_to[h] - 1] = RESTARTING \
       :: else \
       fi; \
       sent_to[h] = 0; sent_epoch[h] = 0 } \
  :: d_step { sent_to[h] != 0 -> sent_to[h] = 0; sent_epoch[h] = 0 } \
  :: d_step { role[h] == SENT && sent_to[h] == 0 && mode[target[h]] != RESTARTING -> role[h] = LEADER; target[h] = 0 } \
  :: d_step { role[h] != IDLE && crashes < C -> crashes++; role[h] = IDLE; epoch_of[h] = 0; target[h] = 0 }

#define BROKER(b) \
  :: d_step { mode[b] == UP && faults < F -> faults++; mode[b] = DOWN } \
  :: d_step { mode[b] == RESTARTING -> mode[b] = UP } \
  :: d_step { role[0] == LEADER && mode[b] == DOWN -> target[0] = b; role[0] = CHOSEN } \
  :: d_step { role[1] == LEADER && mode[b] == DOWN -> target[1] = b; role[1] = CHOSEN }

active proctype world() {
  do
  HEALER(0)
  HEALER(1)
  BROKER(0)
#if B > 1
  BROKER(1)
#endif
#if B > 2
  BROKER(2)
#endif
#if B > 3
  BROKER(3)
#endif
  /* Where nothing can happen the world stays as it is, which is no deadlock. */
  :: d_step { else -> skip }
  od
}
