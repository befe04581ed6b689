// The dialog that is open.

import { AccountDialog } from './account-dialog';
import { Confirm } from './confirm';
import { deleteConversation } from './conversations';
import { openDialog } from './dialog-state';
import { CopyButton } from './copy';
import { Modal } from './modal';
import { ResetPassword } from './reset-password';
import { isSessionExpired, signOut, user } from './session';
import { Settings } from './settings';
import { t } from './texts';

export function Dialogs() {
  const dialog = openDialog.value;
  const close = () => {
    openDialog.value = null;
    isSessionExpired.value = false;
  };
  if (isSessionExpired.value || dialog?.kind === 'account') return <AccountDialog close={close} />;
  switch (dialog?.kind) {
    case 'connect':
      return <Connect close={close} />;
    case 'settings':
      return <Settings close={close} />;
    case 'reset-password':
      return <ResetPassword token={dialog.token} close={close} />;
    case 'sign-out':
      return (
        <Confirm title={t.signOutQuestion} button={t.signOut} act={signOut} close={close}>
          {user.value?.isAnonymous ? t.signOutGuest : t.signOutAccount}
        </Confirm>
      );
    case 'delete': {
      const { id, title } = dialog.summary;
      return (
        <Confirm title={t.deleteQuestion} button={t.delete} act={() => deleteConversation(id)} close={close}>
          {t.deletes(title)}
        </Confirm>
      );
    }
    default:
      return null;
  }
}

const COMMANDS = [
  'SPIN_VARIABLE_OPENAI_API_KEY=sk-… cargo up',
  'SPIN_VARIABLE_ANTHROPIC_API_KEY=sk-ant-… cargo up',
  'cargo up --variable local_base_url=http://localhost:11434/v1',
];

/** How the operator connects a model. */
function Connect({ close }: { close: () => void }) {
  return (
    <Modal title={t.connect} close={close} isWide>
      <p>{t.connectHow}</p>
      {COMMANDS.map((command) => (
        <p key={command} class="command">
          <code>{command}</code>
          <CopyButton text={command} what="code" />
        </p>
      ))}
      <p>{t.tryDemo}</p>
      <p class="buttons">
        <a href="/docs">{t.apiDocs}</a>
        <button type="button" class="quiet" onClick={close}>
          {t.close}
        </button>
      </p>
    </Modal>
  );
}
