// The dialog of the channels that is open.

import { Confirm } from '../confirm';
import { addressOfTeam, goTo } from '../place';
import { t } from '../texts';
import { ChannelSettings, CreateChannel } from './channel-form';
import { leaveChannel, loadJoined } from './channels';
import { goldfish } from './client';
import { teamDialog } from './dialog-state';
import { MembersDialog } from './members-dialog';

export function TeamDialogs() {
  const dialog = teamDialog.value;
  const close = () => (teamDialog.value = null);
  switch (dialog?.kind) {
    case 'create':
      return <CreateChannel close={close} />;
    case 'settings':
      return <ChannelSettings channel={dialog.channel} close={close} />;
    case 'members':
      return <MembersDialog channel={dialog.channel} close={close} />;
    case 'leave': {
      const { id, name } = dialog.channel;
      return (
        <Confirm title={t.team.leaveQuestion} button={t.team.leave} act={() => leaveChannel(id)} close={close}>
          {t.team.leaves(name)}
        </Confirm>
      );
    }
    case 'delete-channel': {
      const { id, name } = dialog.channel;
      const act = async () => {
        await goldfish.channels.delete(id);
        goTo(addressOfTeam());
        await loadJoined();
      };
      return (
        <Confirm title={t.team.deleteQuestion} button={t.delete} act={act} close={close}>
          {t.team.deletesChannel(name)}
        </Confirm>
      );
    }
    case 'delete-thread': {
      const { id, name, channelId } = dialog.thread;
      const act = async () => {
        await goldfish.threads.delete(id);
        goTo(addressOfTeam(channelId));
      };
      return (
        <Confirm title={t.team.deleteThreadQuestion} button={t.delete} act={act} close={close}>
          {t.team.deletesThread(name)}
        </Confirm>
      );
    }
    case 'delete-message': {
      const { open, message } = dialog;
      return (
        <Confirm title={t.team.deleteMessageQuestion} button={t.delete} act={() => open.remove(message.id)} close={close}>
          {t.team.deletesMessage}
        </Confirm>
      );
    }
    default:
      return null;
  }
}
