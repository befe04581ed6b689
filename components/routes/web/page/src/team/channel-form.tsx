// Creates a channel, and changes one.

import { useSignal } from '@preact/signals';
import { notify } from '../announce';
import { Field, Modal, valueOf } from '../modal';
import { addressOfTeam, goTo } from '../place';
import { t } from '../texts';
import { channel as openedChannel, loadJoined } from './channels';
import { type Channel, errorOf, goldfish } from './client';
import { teamDialog } from './dialog-state';

interface Fields {
  name: string;
  description: string;
  category: string;
  isPrivate: boolean;
}

function read(form: HTMLFormElement): Fields {
  return {
    name: valueOf(form, 'name').trim(),
    description: valueOf(form, 'description').trim(),
    category: valueOf(form, 'category').trim(),
    isPrivate: valueOf(form, 'private') === 'on',
  };
}

interface FormProps {
  /** The channel that is changed; undefined for a new one. */
  channel?: Channel;
  /** Which fields may be changed. */
  mayChange: 'all' | 'description';
  button: string;
  save: (fields: Fields) => Promise<void>;
  close: () => void;
}

function ChannelForm({ channel, mayChange, button, save, close }: FormProps) {
  const error = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const submit = async (form: HTMLFormElement) => {
    isBusy.value = true;
    error.value = null;
    try {
      await save(read(form));
    } catch (thrown) {
      error.value = errorOf(thrown).message;
    }
    isBusy.value = false;
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {mayChange === 'all' && (
        <Field label={t.team.name} name="name" maxLength={100} defaultValue={channel?.name ?? ''} error={error.value} required />
      )}
      <Field
        label={t.team.description}
        name="description"
        maxLength={500}
        defaultValue={channel?.description ?? ''}
        error={mayChange === 'all' ? null : error.value}
      />
      {mayChange === 'all' && (
        <>
          <Field label={t.team.category} name="category" maxLength={50} defaultValue={channel?.category ?? 'General'} />
          <label class="check">
            <input type="checkbox" name="private" defaultChecked={channel?.isPrivate ?? false} /> {t.team.privateHint}
          </label>
        </>
      )}
      <p class="buttons">
        <button type="submit" class="strong" disabled={isBusy.value}>
          {button}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t.cancel}
        </button>
      </p>
    </form>
  );
}

export function CreateChannel({ close }: { close: () => void }) {
  const create = async ({ name, description, category, isPrivate }: Fields) => {
    const created = await goldfish.channels.create({
      name,
      isPrivate,
      ...(description && { description }),
      ...(category && { category }),
    });
    close();
    await loadJoined();
    goTo(addressOfTeam(created.id));
  };
  return (
    <Modal title={t.team.create} close={close}>
      <ChannelForm mayChange="all" button={t.team.create} save={create} close={close} />
    </Modal>
  );
}

export function ChannelSettings({ channel, close }: { channel: Channel; close: () => void }) {
  const isAdmin = channel.role === 'admin';
  const save = async ({ name, description, category, isPrivate }: Fields) => {
    const all = { name, isPrivate, ...(category && { category }) };
    const changes = { description: description || null, ...(isAdmin && all) };
    openedChannel.value = await goldfish.channels.update(channel.id, changes);
    close();
    notify(t.saved);
    await loadJoined();
  };
  return (
    <Modal title={t.team.settings} close={close}>
      {channel.role !== 'member' && (
        <ChannelForm
          channel={channel}
          mayChange={isAdmin ? 'all' : 'description'}
          button={t.save}
          save={save}
          close={close}
        />
      )}
      <p class="buttons">
        <button type="button" onClick={() => (teamDialog.value = { kind: 'leave', channel })}>
          {t.team.leave}
        </button>
        {isAdmin && (
          <button type="button" onClick={() => (teamDialog.value = { kind: 'delete-channel', channel })}>
            {t.team.deleteChannel}
          </button>
        )}
        {channel.role === 'member' && (
          <button type="button" class="quiet" onClick={close}>
            {t.close}
          </button>
        )}
      </p>
    </Modal>
  );
}
